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
                    WHEN 'SETTLE_IN' THEN '{SETTLE_OUT}' END::text[]);
            IF bound IS NULL OR bound < (SELECT sum(amount) FROM incentives_transfer WHERE reverses_id = n.reverses_id) THEN
                PERFORM ledger_refuse('ledger_taken_back',
                    format('transfer %s takes back more than %s moved', n.id, n.reverses_id));
            END IF;
        END IF;
    END LOOP;
    RETURN NULL;
END $$;

-- A wallet has changed by its new transfers, one after the other: each leads from the balance before to its own, the last to
-- what the wallet says. (Plain loops: the same as one query with windows took three times as long for the single event.)
CREATE FUNCTION ledger_prove_wallets() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    w record;
    t record;
    available bigint;
    held bigint;
BEGIN
    FOR w IN
        SELECT o.id, n.id AS new_id, o.seq, o.xp, o.xp_held, o.coins, o.coins_held, o.tokens, o.tokens_held, o.money,
            n.seq AS new_seq, n.xp AS new_xp, n.xp_held AS new_xp_held, n.coins AS new_coins, n.coins_held AS new_coins_held,
            n.tokens AS new_tokens, n.tokens_held AS new_tokens_held, n.money AS new_money,
            n.xp_dated <> o.xp_dated AS xp_dated, n.coins_dated <> o.coins_dated AS coins_dated,
            n.tokens_dated <> o.tokens_dated AS tokens_dated,
            n.xp_dated > greatest(n.xp, 0) OR n.coins_dated > greatest(n.coins, 0) OR n.tokens_dated > greatest(n.tokens, 0)
                AS is_overdated
        FROM old_rows o LEFT JOIN incentives_wallet n ON n.id = o.id AND n.app_id = o.app_id
    LOOP
        FOR t IN
            SELECT m.seq, m.asset, m.available_after, m.held_after,
                CASE 'AVAILABLE' WHEN m.target THEN m.amount WHEN m.source THEN -m.amount ELSE 0 END AS available_moved,
                CASE 'HELD' WHEN m.target THEN m.amount WHEN m.source THEN -m.amount ELSE 0 END AS held_moved
            FROM incentives_transfer m WHERE m.wallet_id = w.id AND m.seq > w.seq ORDER BY m.seq
        LOOP
            w.seq := w.seq + 1;
            IF t.asset = 'XP' THEN
                w.xp := w.xp + t.available_moved;
                w.xp_held := w.xp_held + t.held_moved;
                available := w.xp;
                held := w.xp_held;
            ELSIF t.asset = 'COIN' THEN
                w.coins := w.coins + t.available_moved;
                w.coins_held := w.coins_held + t.held_moved;
                available := w.coins;
                held := w.coins_held;
            ELSIF t.asset = 'TOKEN' THEN
                w.tokens := w.tokens + t.available_moved;
                w.tokens_held := w.tokens_held + t.held_moved;
                available := w.tokens;
                held := w.tokens_held;
            ELSE
                available := coalesce((w.money -> t.asset ->> 'available')::bigint, 0) + t.available_moved;
                held := coalesce((w.money -> t.asset ->> 'held')::bigint, 0) + t.held_moved;
                w.money := w.money || jsonb_build_object(t.asset, jsonb_build_object('available', available, 'held', held));
            END IF;
            IF t.available_after <> available OR t.held_after <> held OR t.seq <> w.seq THEN
                PERFORM ledger_refuse('ledger_running_balance',
                    format('transfer %s of wallet %s does not continue the one before it', t.seq, w.id));
            END IF;
        END LOOP;
        IF w.new_id IS NULL OR w.new_seq <> w.seq OR w.new_xp <> w.xp OR w.new_coins <> w.coins OR w.new_tokens <> w.tokens
            OR w.new_xp_held <> w.xp_held OR w.new_coins_held <> w.coins_held OR w.new_tokens_held <> w.tokens_held
            OR w.new_money <> w.money OR w.is_overdated
        THEN
            PERFORM ledger_refuse('ledger_wallet_balance', format('wallet %s did not change by the sum of its transfers', w.id));
        END IF;
        IF w.xp_dated THEN PERFORM ledger_prove_lots(w.id, 'XP'); END IF;
        IF w.coins_dated THEN PERFORM ledger_prove_lots(w.id, 'COIN'); END IF;
        IF w.tokens_dated THEN PERFORM ledger_prove_lots(w.id, 'TOKEN'); END IF;
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
    -- whole and new: what settles it later proves it then
    IF TG_OP = 'UPDATE' OR NEW.open_amount <> NEW.amount OR NOT EXISTS (
        SELECT FROM incentives_transfer t WHERE t.id = NEW.id AND t.app_id = NEW.app_id AND t.wallet_id = NEW.wallet_id
            AND t.asset = NEW.asset AND t.kind = NEW.kind AND t.amount = NEW.amount AND t.cause = NEW.cause
    ) THEN
        PERFORM ledger_prove_hold(NEW.id);
    END IF;
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

-- Constraints whose text is short: PostgreSQL reads the text anew for every statement, and the long form of this one, a choice
-- of fourteen alternatives, took a fifth of the write.
ALTER TABLE incentives_transfer ADD CONSTRAINT transfer_is_its_kind CHECK (
    kind || ' ' || source || ' ' || target || ' ' || (hold_id IS NOT NULL)::int = ANY ('{
        EARN ISSUER AVAILABLE 0, GRANT ISSUER HELD 0, POST HELD AVAILABLE 1, VOID HELD ISSUER 1,
        SPEND AVAILABLE SPENT 0, RESERVE AVAILABLE HELD 0, CAPTURE HELD SPENT 1, RELEASE HELD AVAILABLE 1,
        PAYOUT AVAILABLE PAID_OUT 0, REVERSE AVAILABLE ISSUER 0, REFUND SPENT AVAILABLE 0, EXPIRE AVAILABLE EXPIRED 0,
        SETTLE_IN CLEARING AVAILABLE 0, SETTLE_OUT AVAILABLE CLEARING 0
    }'::text[]));
ALTER TABLE incentives_wallet ADD CONSTRAINT wallet_money_held_not_negative CHECK (NOT money @? '$.*.held ? (@ < 0)');
