"""The recurrent cells in the benchmark: their shapes, problems and options, and who runs them."""
