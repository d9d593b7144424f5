SELECT id, created, created_at, registered_at FROM register_device($1, $2, $3, $4, $5, $6, $7, $8)
