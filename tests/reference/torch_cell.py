"""PyTorch's recurrent modules in float64 with the parameters of a case, for comparison with the reference."""

import numpy as np
import pytest

from seqfuse import reference


def assert_same_as_torch(case, reverse):
    """Check outputs, final states and all gradients against PyTorch, for rows of several lengths above 0."""
    torch = pytest.importorskip("torch")
    cell, (T, B, I), H = case.cell, case.arguments["x"].shape, case.arguments["U"].shape[0]
    columns = cell.columns_from("pytorch", H)  # theirs -> ours
    back = np.argsort(columns)  # ours -> theirs
    lengths = np.linspace(T, 1, B).round().astype(int)

    module = getattr(torch.nn, cell.name.upper())(I, H, dtype=torch.float64, bidirectional=True)
    way = "_reverse" if reverse else ""
    W, U, bx, bh = (getattr(module, f"{name}_l0{way}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
    with torch.no_grad():
        for theirs, ours in ((W, case.arguments["W"].T), (U, case.arguments["U"].T)):
            theirs.copy_(torch.from_numpy(ours[back]))
        for theirs, ours in zip((bx, bh), case.arguments["b"]):
            theirs.copy_(torch.from_numpy(ours[back]))
    x = torch.tensor(case.arguments["x"], requires_grad=True)
    initial = [torch.tensor(case.arguments[f"{state}0"], requires_grad=True) for state in cell.states]
    both = [torch.stack([s, s]) for s in initial]
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, torch.from_numpy(lengths))
    y, final = module(packed, tuple(both) if len(both) > 1 else both[0])
    y = torch.nn.utils.rnn.pad_packed_sequence(y, total_length=T)[0][..., H * reverse : H * (reverse + 1)]
    final = [s[int(reverse)] for s in (final if len(both) > 1 else [final])]
    given = [torch.from_numpy(d) for d in case.doutputs.values()]
    torch.autograd.backward([y, *final], given)

    out, tape = case.forward(reference, lengths=lengths, reverse=reverse)
    grads = case.backward(reference, tape)
    expected = {
        "y": y.detach(),
        "dx": x.grad,
        "dW": W.grad.T[:, columns],
        "dU": U.grad.T[:, columns],
        "db": torch.stack([bx.grad, bh.grad])[:, columns],
    }
    expected |= {state: s.detach() for state, s in zip(cell.states, final)}
    expected |= {f"d{state}0": s.grad for state, s in zip(cell.states, initial)}
    for name, theirs in expected.items():
        ours = getattr(grads if name.startswith("d") else out, name)
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=1e-10, atol=1e-12, err_msg=name)
