"""Implementation of saving and loading, below the models; users import `seqfuse.io`."""
