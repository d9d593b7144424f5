SELECT * FROM invite_members($1, $2, $3, $4, $5, $6, $7, $8)
