"""Tests of the query API: over ASGI, against the real servers, with read models filled by the projections' stores."""
