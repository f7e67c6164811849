#include "seqfuse/ctc_impl.hpp"

template seqfuse::Index seqfuse::ctc_tape_size<float>(const CtcBatch<float>&);
template seqfuse::Index seqfuse::ctc_tape_size<double>(const CtcBatch<double>&);
template bool seqfuse::ctc_forward<float>(const CtcForwardArgs<float>&);
template bool seqfuse::ctc_forward<double>(const CtcForwardArgs<double>&);
template bool seqfuse::ctc_backward<float>(const CtcBackwardArgs<float>&);
template bool seqfuse::ctc_backward<double>(const CtcBackwardArgs<double>&);
