"""The statements, one module a family: plain functions over a connection inside a transaction.

Names are compared by their casefold, and put in order by Python, because databases disagree about both.
"""
