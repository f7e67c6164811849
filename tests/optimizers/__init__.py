"""Tests of `seqfuse.optimizers`; a package, so that files may have the names of those in other folders."""
