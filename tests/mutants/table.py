"""All mutants: those of Python first, then those of C++."""

from . import (
    cpp_attention,
    cpp_cells,
    cpp_elementary,
    cpp_recurrent,
    functional,
    io,
    layers,
    losses,
    models,
    optimizers,
)

PARTS = (functional, losses, layers, models, io, optimizers, cpp_cells, cpp_recurrent, cpp_attention, cpp_elementary)
MUTANTS = [mutant for part in PARTS for mutant in part.MUTANTS]
