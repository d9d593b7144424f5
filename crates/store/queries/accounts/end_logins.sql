SELECT end_logins($1, NULL)
