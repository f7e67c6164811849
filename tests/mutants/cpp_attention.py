"""Mutants of attention: which keys a query reads, softmax over blocks, grouped heads, and the cache of keys."""

from .mutant import Mutant

INCLUDE = "cpp/include/seqfuse"
MASK = f"{INCLUDE}/mask.hpp"
SOFTMAX = f"{INCLUDE}/softmax.hpp"
SCORES = f"{INCLUDE}/attention_scores_impl.hpp"
BLOCKS = f"{INCLUDE}/attention_blocks_impl.hpp"
FORWARD = f"{INCLUDE}/attention_forward_impl.hpp"
BACKWARD_QUERIES = f"{INCLUDE}/attention_backward_queries_impl.hpp"
BACKWARD_KEY_BLOCK = f"{INCLUDE}/attention_backward_key_block_impl.hpp"
CACHE = f"{INCLUDE}/key_cache_impl.hpp"

ATTENTION = "tests/functional/test_attention.py"
EDGES = "tests/functional/test_attention_edges.py"
EXCLUSION = "tests/functional/test_attention_exclusion.py"
KV_CACHE = "tests/functional/test_kv_cache.py"
KV_CACHE_STATE = "tests/functional/test_kv_cache_state.py"

MUTANTS = [
    Mutant(
        "causal: a query does not read its own key",
        MASK,
        "std::min(p + right + 1, end)",
        "std::min(p + right, end)",
        (ATTENTION,),
        killed_before=True,
    ),
    Mutant(
        "window: the left side is one key too short",
        MASK,
        "std::max<Index>(p - left, 0)",
        "std::max<Index>(p - left + 1, 0)",
        (ATTENTION,),
        killed_before=True,
    ),
    Mutant(
        "causal='bottom_right': lengths do not move the diagonal",
        MASK,
        "(bottom_right ? end - Tq : 0)",
        "(bottom_right ? Tk - Tq : 0)",
        (ATTENTION,),
        killed_before=True,
    ),
    Mutant(
        "mask: all heads read that of the first",
        MASK,
        "b * stride_b + h * stride_h + i * stride_i",
        "b * stride_b + i * stride_i",
        (ATTENTION,),
        killed_before=True,
    ),
    Mutant(
        "softmax over blocks: earlier blocks are not rescaled by the new maximum",
        SOFTMAX,
        "madd(V::load(sum), V::all(rescale[r]), lanes[i])",
        "V::load(sum) + lanes[i]",
        (ATTENTION, EDGES),
        killed_before=True,
    ),
    Mutant(
        "log-sum-exp: the sign of the sum's logarithm",
        FORWARD,
        "softmax_.row_max[r] - std::log(inv_sum)",
        "softmax_.row_max[r] + std::log(inv_sum)",
        (ATTENTION,),
        killed_before=True,
    ),
    Mutant(
        "dropout of attention: all heads drop the same weights",
        SCORES,
        "static_cast<std::uint32_t>(head)",
        "static_cast<std::uint32_t>(0)",
        (ATTENTION, "tests/reference/test_attention.py"),
        killed_before=True,
    ),
    Mutant(
        "softcap backward: the slope is 1",
        SCORES,
        "V::all(T(1)) - t * t",
        "V::all(T(1))",
        (ATTENTION,),
        killed_before=True,
    ),
    Mutant(
        "grouped heads: every query head of a group is the first one",
        BLOCKS,
        "first_head + h",
        "first_head",
        (ATTENTION,),
        killed_before=True,
    ),
    Mutant(
        "backward: dlse has the wrong sign",
        BACKWARD_QUERIES,
        "delta -= args_.dlse[queries.row_index(args_.shape, r)];",
        "delta += args_.dlse[queries.row_index(args_.shape, r)];",
        (ATTENTION,),
        killed_before=True,
    ),
    Mutant(
        "backward: dq lacks the later half of the keys of a key block",
        BACKWARD_KEY_BLOCK,
        "gemm::RowTerms<T>{rows, tile.keys.size()}",
        "gemm::RowTerms<T>{rows, (tile.keys.size() + 1) / 2}",
        (ATTENTION,),
        killed_before=True,
    ),
    Mutant(
        "backward: dropout is left out of dv",
        BACKWARD_KEY_BLOCK,
        "p_[i] *= factors_[i];",
        "(void)i;",
        (ATTENTION,),
        killed_before=True,
    ),
    Mutant(
        "key cache: a reset row keeps its keys",
        CACHE,
        "lengths_[b] = 0;",
        "(void)b;",
        (KV_CACHE_STATE, KV_CACHE),
        killed_before=True,
    ),
    Mutant(
        "key cache: a block that is not full is lost when the cache grows",
        CACHE,
        "divide_up(length(b), kKeys)",
        "length(b) / kKeys",
        (KV_CACHE_STATE, KV_CACHE),
        killed_before=True,
    ),
    Mutant(
        "key cache: an infinity among the values of a block is forgotten at the next append",
        CACHE,
        "storage_.finite[block] && finite",
        "finite",
        (KV_CACHE, KV_CACHE_STATE),
        killed_before=True,
    ),
]
