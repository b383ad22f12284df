"""Who may be written to: permissions, environments, server profiles, mailboxes, Test & Enable."""
