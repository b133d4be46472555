"""May we write to this person, and what proves it: states of consent, decisions, certificates, rights, retention."""
