"""Money: accounts, holds, the append-only ledger, prices and metering."""
