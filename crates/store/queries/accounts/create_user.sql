INSERT INTO users (id, email, nickname, password_hash) VALUES ($1, $2, $3, $4) ON CONFLICT (email) DO NOTHING
