"""How models are kept in files, below the models themselves; `seqfuse.io` is what users import."""
