INSERT INTO users (id, nickname) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING
