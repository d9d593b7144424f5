SELECT id, email, nickname, password_hash FROM users WHERE id = $1
