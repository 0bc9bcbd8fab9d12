"""Papers reproduced: each is measured again, its claims are judged and its figures drawn (three files a paper)."""
