SELECT id, origin, created_at, registered_at FROM devices WHERE user_id = $1 ORDER BY registered_at DESC, id
