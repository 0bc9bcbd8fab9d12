"""Papers reproduced: one file a paper, which measures its claims and says which of them hold."""
