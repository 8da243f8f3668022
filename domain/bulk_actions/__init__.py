"""One thing done for every member whom a filter means."""
