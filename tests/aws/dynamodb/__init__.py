"""DynamoDB Local: what LocalStack's tables are made of."""
