"""HTTP: guards first, then routes; no request reaches a model before it is known to be well formed."""
