"""Tests of `seqfuse.reference`; a package, so that files may have the names of those in other folders."""
