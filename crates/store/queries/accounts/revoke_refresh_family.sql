-- index refresh_tokens_family
DELETE FROM refresh_tokens WHERE family_id = $1
