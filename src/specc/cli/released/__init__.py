"""What a released project is built from, read from git or a folder: its base, what is frozen, what is pending."""
