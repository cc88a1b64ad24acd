-- The proof of the ledger: what wallets, holds and lots say equals what the transfers say.
--
-- By induction, and therefore at a cost that does not grow with the history: a wallet changes by exactly the sum of its new
-- transfers, their running balances continue what the wallet said before, and a transfer stands only in a wallet that counts it.
--
-- Wallets and transfers are proved at the end of each statement, for the ledger writes both in one: that is stricter than at
-- commit, fails where the mistake is, and proves a thousand rows with one query (row by row, at commit, the proof cost more
-- than the write itself). Holds and lots, where a row is rare, are proved row by row at commit.

CREATE FUNCTION ledger_refuse(rule text, told text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ledger: %', told USING ERRCODE = 'check_violation', CONSTRAINT = rule;
END $$;

CREATE FUNCTION ledger_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ledger_refuse('ledger_append_only',
        format('%s of %s is refused: a mistake is put right by another transfer', TG_OP, TG_TABLE_NAME));
    RETURN NULL;
END $$;

-- What is open of a hold is its amount less what settled it, and it has been posted or voided once.
CREATE FUNCTION ledger_prove_hold(hold text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    proof record;
BEGIN
    SELECT h.amount, h.open_amount, h.state, s.settled, s.posts, s.fits,
        (h.app_id, h.wallet_id, h.asset, h.kind, h.amount, h.cause) = (t.app_id, t.wallet_id, t.asset, t.kind, t.amount, t.cause)
            AS is_opened
    INTO proof
    FROM incentives_hold h
    LEFT JOIN incentives_transfer t ON t.id = h.id
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(amount), 0) AS settled, count(*) FILTER (WHERE kind IN ('POST', 'CAPTURE')) AS posts,
            coalesce(bool_and(wallet_id = h.wallet_id AND asset = h.asset
                AND kind = ANY(CASE h.kind WHEN 'GRANT' THEN '{POST,VOID}' ELSE '{CAPTURE,RELEASE}' END::text[])), true) AS fits
        FROM incentives_transfer WHERE hold_id = h.id
    ) s
    WHERE h.id = hold;
    IF proof.is_opened IS NOT TRUE THEN
        PERFORM ledger_refuse('ledger_hold_opened', format('hold %s is not what its transfer opened', hold));
    END IF;
    IF proof.open_amount <> proof.amount - proof.settled OR proof.posts > 1 OR NOT proof.fits
        OR proof.state <> (CASE WHEN proof.settled < proof.amount THEN 'OPEN' WHEN proof.posts = 1 THEN 'POSTED' ELSE 'VOIDED' END)
    THEN
        PERFORM ledger_refuse('ledger_hold_settled', format('hold %s is not its amount less what settled it', hold));
    END IF;
END $$;

-- The dated part of a wallet is the sum of its lots.
CREATE FUNCTION ledger_prove_lots(of_wallet text, of_asset text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    dated bigint;
BEGIN
    SELECT CASE of_asset WHEN 'XP' THEN xp_dated WHEN 'COIN' THEN coins_dated WHEN 'TOKEN' THEN tokens_dated END INTO dated
    FROM incentives_wallet WHERE id = of_wallet;
    IF dated IS DISTINCT FROM (
        SELECT coalesce(sum(remaining), 0)::bigint FROM incentives_lot
        WHERE wallet_id = of_wallet AND asset = of_asset AND remaining > 0
    ) THEN
        PERFORM ledger_refuse('ledger_dated_is_lots',
            format('the dated %s of wallet %s are not the sum of its lots', of_asset, of_wallet));
    END IF;
END $$;

-- What remains of a lot is its amount less its uses.
CREATE FUNCTION ledger_prove_lot(lot text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    l incentives_lot;
BEGIN
    SELECT * INTO l FROM incentives_lot WHERE id = lot;
    IF l.remaining IS DISTINCT FROM l.amount - (SELECT coalesce(sum(amount), 0)::bigint FROM incentives_lotuse WHERE lot_id = lot) THEN
        PERFORM ledger_refuse('ledger_lot_is_used', format('lot %s is not its amount less its uses', lot));
    END IF;
    IF NOT EXISTS (
        SELECT FROM incentives_transfer t WHERE t.id = l.transfer_id AND t.target = 'AVAILABLE' AND t.expires_at = l.expires_at
            AND (t.app_id, t.wallet_id, t.asset, t.amount) = (l.app_id, l.wallet_id, l.asset, l.amount)
    ) THEN
        PERFORM ledger_refuse('ledger_lot_opened', format('lot %s is not what its transfer opened', lot));
    END IF;
    PERFORM ledger_prove_lots(l.wallet_id, l.asset);
END $$;

-- Each new transfer stands in a wallet that counts it; what it settles, opens or takes back is there.
CREATE FUNCTION ledger_prove_transfers() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    n record;
    bound bigint;
BEGIN
    FOR n IN
        SELECT r.id, r.wallet_id, r.asset, r.kind, r.target, r.hold_id, r.reverses_id, r.expires_at, w.id IS NOT NULL AS is_counted
        FROM new_rows r
        LEFT JOIN incentives_wallet w ON w.id = r.wallet_id AND w.app_id = r.app_id AND w.seq >= r.seq
        WHERE w.id IS NULL OR r.target = 'HELD' OR r.hold_id IS NOT NULL OR r.reverses_id IS NOT NULL OR r.expires_at IS NOT NULL
    LOOP
        IF NOT n.is_counted THEN
            PERFORM ledger_refuse('ledger_seq', format('wallet %s does not count transfer %s', n.wallet_id, n.id));
        END IF;
        IF n.hold_id IS NOT NULL THEN
            PERFORM ledger_prove_hold(n.hold_id);
        ELSIF n.target = 'HELD' AND NOT EXISTS (SELECT FROM incentives_hold h WHERE h.id = n.id) THEN
            PERFORM ledger_refuse('ledger_hold_opened', format('transfer %s opened no hold', n.id));
        END IF;
        IF n.expires_at IS NOT NULL AND NOT EXISTS (SELECT FROM incentives_lot l WHERE l.transfer_id = n.id) THEN
            PERFORM ledger_refuse('ledger_lot_opened', format('transfer %s opened no lot', n.id));
        END IF;
        IF n.reverses_id IS NOT NULL THEN
            SELECT t.amount INTO bound FROM incentives_transfer t
            WHERE t.id = n.reverses_id AND t.wallet_id = n.wallet_id AND t.asset = n.asset
                AND t.kind = ANY(CASE n.kind WHEN 'REVERSE' THEN '{EARN,POST,SETTLE_IN}' WHEN 'REFUND' THEN '{SPEND,CAPTURE}'
                    ELSE '{SETTLE_OUT}' END::text[]);
            IF bound IS NULL OR bound < (SELECT sum(amount) FROM incentives_transfer WHERE reverses_id = n.reverses_id) THEN
                PERFORM ledger_refuse('ledger_taken_back',
                    format('transfer %s takes back more than %s moved', n.id, n.reverses_id));
            END IF;
        END IF;
    END LOOP;
    RETURN NULL;
END $$;

-- A wallet has changed by the sum of its new transfers, asset by asset, and their running balances lead from the old to the new.
CREATE FUNCTION ledger_prove_wallets() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    bad text;
    w record;
BEGIN
    SELECT o.id INTO bad
    FROM old_rows o
    LEFT JOIN incentives_wallet n ON n.id = o.id AND n.app_id = o.app_id
    CROSS JOIN LATERAL (
        SELECT count(*) AS moves,
            coalesce(bool_and(available_after = available_before + available_sum AND held_after = held_before + held_sum), true) AS runs,
            coalesce(sum(available_moved) FILTER (WHERE asset = 'XP'), 0) AS xp,
            coalesce(sum(held_moved) FILTER (WHERE asset = 'XP'), 0) AS xp_held,
            coalesce(sum(available_moved) FILTER (WHERE asset = 'COIN'), 0) AS coins,
            coalesce(sum(held_moved) FILTER (WHERE asset = 'COIN'), 0) AS coins_held,
            coalesce(sum(available_moved) FILTER (WHERE asset = 'TOKEN'), 0) AS tokens,
            coalesce(sum(held_moved) FILTER (WHERE asset = 'TOKEN'), 0) AS tokens_held,
            coalesce(bool_or(asset NOT IN ('XP', 'COIN', 'TOKEN')), false) AS is_money
        FROM (
            SELECT t.asset, t.available_after, t.held_after, t.available_moved, t.held_moved,
                sum(t.available_moved) OVER running AS available_sum,
                sum(t.held_moved) OVER running AS held_sum,
                CASE t.asset WHEN 'XP' THEN o.xp WHEN 'COIN' THEN o.coins WHEN 'TOKEN' THEN o.tokens
                    ELSE coalesce((o.money -> t.asset ->> 'available')::bigint, 0) END AS available_before,
                CASE t.asset WHEN 'XP' THEN o.xp_held WHEN 'COIN' THEN o.coins_held WHEN 'TOKEN' THEN o.tokens_held
                    ELSE coalesce((o.money -> t.asset ->> 'held')::bigint, 0) END AS held_before
            FROM (
                SELECT m.asset, m.seq, m.available_after, m.held_after,
                    CASE 'AVAILABLE' WHEN m.target THEN m.amount WHEN m.source THEN -m.amount ELSE 0 END AS available_moved,
                    CASE 'HELD' WHEN m.target THEN m.amount WHEN m.source THEN -m.amount ELSE 0 END AS held_moved
                FROM incentives_transfer m WHERE m.wallet_id = o.id AND m.seq > o.seq
            ) t
            WINDOW running AS (PARTITION BY t.asset ORDER BY t.seq)
        ) s
    ) s
    WHERE n.id IS NULL OR n.seq <> o.seq + s.moves OR NOT s.runs
        OR n.xp <> o.xp + s.xp OR n.xp_held <> o.xp_held + s.xp_held
        OR n.coins <> o.coins + s.coins OR n.coins_held <> o.coins_held + s.coins_held
        OR n.tokens <> o.tokens + s.tokens OR n.tokens_held <> o.tokens_held + s.tokens_held
        OR (s.is_money OR n.money <> o.money) AND EXISTS (
            SELECT FROM (SELECT jsonb_object_keys(n.money || o.money) UNION
                SELECT m.asset FROM incentives_transfer m WHERE m.wallet_id = o.id AND m.seq > o.seq) k (asset)
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(CASE 'AVAILABLE' WHEN m.target THEN m.amount WHEN m.source THEN -m.amount END), 0) AS available,
                    coalesce(sum(CASE 'HELD' WHEN m.target THEN m.amount WHEN m.source THEN -m.amount END), 0) AS held
                FROM incentives_transfer m WHERE m.wallet_id = o.id AND m.seq > o.seq AND m.asset = k.asset
            ) m
            WHERE k.asset NOT IN ('XP', 'COIN', 'TOKEN')
                AND (coalesce((n.money -> k.asset ->> 'available')::numeric, 0)
                        <> coalesce((o.money -> k.asset ->> 'available')::numeric, 0) + m.available
                    OR coalesce((n.money -> k.asset ->> 'held')::numeric, 0)
                        <> coalesce((o.money -> k.asset ->> 'held')::numeric, 0) + m.held)
        )
    LIMIT 1;
    IF bad IS NOT NULL THEN
        PERFORM ledger_refuse('ledger_wallet_balance', format('wallet %s did not change by the sum of its transfers', bad));
    END IF;
    FOR w IN
        SELECT o.id, n.xp_dated <> o.xp_dated AS xp, n.coins_dated <> o.coins_dated AS coins, n.tokens_dated <> o.tokens_dated AS tokens
        FROM old_rows o JOIN incentives_wallet n ON n.id = o.id
        WHERE n.xp_dated <> o.xp_dated OR n.coins_dated <> o.coins_dated OR n.tokens_dated <> o.tokens_dated
    LOOP
        IF w.xp THEN PERFORM ledger_prove_lots(w.id, 'XP'); END IF;
        IF w.coins THEN PERFORM ledger_prove_lots(w.id, 'COIN'); END IF;
        IF w.tokens THEN PERFORM ledger_prove_lots(w.id, 'TOKEN'); END IF;
    END LOOP;
    RETURN NULL;
END $$;

CREATE FUNCTION ledger_prove_new_wallet() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.seq <> 0 OR NEW.xp <> 0 OR NEW.coins <> 0 OR NEW.tokens <> 0 OR NEW.xp_held <> 0 OR NEW.coins_held <> 0
        OR NEW.tokens_held <> 0 OR NEW.xp_dated <> 0 OR NEW.coins_dated <> 0 OR NEW.tokens_dated <> 0 OR NEW.money <> '{}'
    THEN
        PERFORM ledger_refuse('ledger_wallet_balance', format('wallet %s is not born empty', NEW.id));
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION ledger_prove_hold_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ledger_prove_hold(NEW.id);
    RETURN NULL;
END $$;

CREATE FUNCTION ledger_prove_lot_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ledger_prove_lot(NEW.id);
    RETURN NULL;
END $$;

CREATE FUNCTION ledger_prove_lot_use() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM incentives_lot l JOIN incentives_transfer t ON (t.wallet_id, t.asset) = (l.wallet_id, l.asset)
        WHERE l.id = NEW.lot_id AND t.id = NEW.transfer_id AND abs(NEW.amount) <= t.amount
            AND (NEW.amount > 0) = (t.source = 'AVAILABLE' OR l.transfer_id = t.id)
    ) THEN
        PERFORM ledger_refuse('ledger_lot_use', format('transfer %s cannot use lot %s so', NEW.transfer_id, NEW.lot_id));
    END IF;
    PERFORM ledger_prove_lot(NEW.lot_id);
    RETURN NULL;
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON incentives_transfer FOR EACH ROW EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON incentives_lotuse FOR EACH ROW EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER append_only BEFORE DELETE ON incentives_wallet FOR EACH ROW EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER append_only BEFORE DELETE ON incentives_hold FOR EACH ROW EXECUTE FUNCTION ledger_append_only();
CREATE TRIGGER append_only BEFORE DELETE ON incentives_lot FOR EACH ROW EXECUTE FUNCTION ledger_append_only();

CREATE TRIGGER prove_new BEFORE INSERT ON incentives_wallet FOR EACH ROW EXECUTE FUNCTION ledger_prove_new_wallet();
CREATE TRIGGER prove AFTER UPDATE ON incentives_wallet REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_prove_wallets();
CREATE TRIGGER prove AFTER INSERT ON incentives_transfer REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_prove_transfers();

CREATE CONSTRAINT TRIGGER prove AFTER INSERT OR UPDATE ON incentives_hold DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ledger_prove_hold_row();
CREATE CONSTRAINT TRIGGER prove AFTER INSERT OR UPDATE ON incentives_lot DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ledger_prove_lot_row();
CREATE CONSTRAINT TRIGGER prove AFTER INSERT ON incentives_lotuse DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ledger_prove_lot_use();

-- A wallet changes with every event of its user: room for the new version beside the old one keeps the indexes untouched.
ALTER TABLE incentives_wallet SET (fillfactor = 70);
ALTER TABLE incentives_hold SET (fillfactor = 85);
ALTER TABLE incentives_wallet ADD CONSTRAINT wallet_money_held_not_negative CHECK (NOT money @? '$.*.held ? (@ < 0)');
