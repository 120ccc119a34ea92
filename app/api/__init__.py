"""HTTP only: it parses requests, calls one service and shapes the answer."""
