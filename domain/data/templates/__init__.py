"""Template files; see infra/content.py."""
