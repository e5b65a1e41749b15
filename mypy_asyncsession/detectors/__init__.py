"""From a module's tree to the uses of providers that stand in it."""
