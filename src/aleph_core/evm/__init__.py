"""EVM chains as data: contract calls, transactions, token streams; nothing here asks a chain."""
