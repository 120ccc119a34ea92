"""Archives of strangers, read entry by entry in bounded memory; nothing is ever written under a name of theirs."""
