"""The intermediate representation: facts about behaviour and database, pages, assertions, and the lock.

Standard library only. Facts are flat frozen records; nothing here knows YAML, pydantic or SQL text.
"""
