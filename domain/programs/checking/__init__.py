"""The exact checker: reads a finished plan against the rules, in integers, sharing no code with the generator.

It has its own copy of every number and its own counting. It imports the data (plan, spec, library, vocabulary) only.
"""
