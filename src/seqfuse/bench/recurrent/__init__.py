"""Benchmark of the recurrent cells: shapes, problems, options and contenders."""
