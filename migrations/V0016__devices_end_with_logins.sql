-- A log-in is over when the last of its refresh tokens has expired, and its devices with it: whoever has not been there for so long is told
-- nothing more. Devices whose log-in went before this migration go now.
DELETE FROM devices d WHERE d.login_id IS NOT NULL
    AND NOT EXISTS (SELECT FROM refresh_tokens t WHERE t.family_id = d.login_id AND t.expires_at > now());

-- By a trigger, because tokens are deleted in several ways, some by processes of the version before. Two that sweep at once do not see what the
-- other deletes: tokens that have expired count as gone. Devices are locked in one order, so that two callers cannot deadlock.
CREATE FUNCTION drop_devices_of_expired_logins() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM devices WHERE id IN (
        SELECT d.id FROM devices d
        WHERE d.login_id IN (SELECT family_id FROM gone)
            AND NOT EXISTS (SELECT FROM refresh_tokens t WHERE t.family_id = d.login_id AND t.expires_at > now())
        ORDER BY d.id
        FOR UPDATE OF d
    );
    RETURN NULL;
END $$;
CREATE TRIGGER refresh_tokens_drop_devices AFTER DELETE ON refresh_tokens
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION drop_devices_of_expired_logins();

-- "Log out everywhere" and a new password end the devices of all log-ins that are over, too: those are no log-ins that could still be ended.
-- Runs before end_logins deletes tokens, so that the log-in that is kept keeps its devices.
CREATE OR REPLACE FUNCTION drop_devices_without_login() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM devices d WHERE d.user_id = NEW.id
        AND NOT EXISTS (SELECT FROM refresh_tokens t WHERE t.family_id = d.login_id);
    RETURN NULL;
END $$;
