-- index users_email
SELECT id, email, nickname, password_hash FROM users WHERE email = $1
