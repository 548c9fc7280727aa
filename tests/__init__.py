"""Tests, in folders that mirror the ones they test."""
