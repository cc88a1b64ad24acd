-- The proof of the ledger, run at commit: what wallets, holds and lots say equals what the transfers say.
--
-- By induction, and therefore in constant time a row: each new transfer continues its predecessor of the same wallet and
-- asset, the newest one equals the wallet, and a wallet's balance changes only together with a transfer. Deferred, so that the
-- rows of one transaction may be written in any order.

CREATE FUNCTION ledger_refuse(rule text, told text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ledger: %', told USING ERRCODE = 'check_violation', CONSTRAINT = rule;
END $$;

CREATE FUNCTION ledger_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM ledger_refuse('ledger_append_only', format('%s of %s is refused: a mistake is put right by another transfer', TG_OP, TG_TABLE_NAME));
    RETURN NULL;
END $$;

-- What is open of a hold is its amount less what settled it, and it has been posted or voided once.
CREATE FUNCTION ledger_prove_hold(hold text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    h incentives_hold;
    opener incentives_transfer;
    settled bigint;
    posts bigint;
BEGIN
    SELECT * INTO h FROM incentives_hold WHERE id = hold;
    SELECT * INTO opener FROM incentives_transfer WHERE id = hold;
    IF h.id IS NULL OR opener.id IS NULL
        OR (h.app_id, h.wallet_id, h.asset, h.kind, h.amount, h.cause)
            IS DISTINCT FROM (opener.app_id, opener.wallet_id, opener.asset, opener.kind, opener.amount, opener.cause)
    THEN
        PERFORM ledger_refuse('ledger_hold_opened', format('hold %s is not what its transfer opened', hold));
    END IF;
    SELECT coalesce(sum(amount), 0), count(*) FILTER (WHERE kind IN ('POST', 'CAPTURE')) INTO settled, posts
    FROM incentives_transfer WHERE hold_id = hold;
    IF h.open_amount <> h.amount - settled OR posts > 1
        OR h.state <> (CASE WHEN settled < h.amount THEN 'OPEN' WHEN posts = 1 THEN 'POSTED' ELSE 'VOIDED' END)
        OR EXISTS (
            SELECT FROM incentives_transfer t WHERE t.hold_id = hold AND ((t.wallet_id, t.asset) IS DISTINCT FROM (h.wallet_id, h.asset)
                OR t.kind NOT IN ('POST', 'VOID') AND h.kind = 'GRANT' OR t.kind NOT IN ('CAPTURE', 'RELEASE') AND h.kind = 'RESERVE')
        )
    THEN
        PERFORM ledger_refuse('ledger_hold_settled', format('hold %s is not its amount less what settled it', hold));
    END IF;
END $$;

-- What remains of a lot is its amount less its uses, and the wallet's dated part is the sum of its lots.
CREATE FUNCTION ledger_prove_lots(of_wallet text, of_asset text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    dated bigint;
BEGIN
    SELECT CASE of_asset WHEN 'XP' THEN xp_dated WHEN 'COIN' THEN coins_dated WHEN 'TOKEN' THEN tokens_dated END INTO dated
    FROM incentives_wallet WHERE id = of_wallet;
    IF dated IS DISTINCT FROM (
        SELECT coalesce(sum(remaining), 0)::bigint FROM incentives_lot WHERE wallet_id = of_wallet AND asset = of_asset AND remaining > 0
    ) THEN
        PERFORM ledger_refuse('ledger_dated_is_lots', format('the dated %s of wallet %s are not the sum of its lots', of_asset, of_wallet));
    END IF;
END $$;

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

CREATE FUNCTION ledger_prove_transfer() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    found record;
    before incentives_transfer;
BEGIN
    SELECT w.app_id, w.seq,
        CASE NEW.asset WHEN 'XP' THEN w.xp WHEN 'COIN' THEN w.coins WHEN 'TOKEN' THEN w.tokens
            ELSE (w.money -> NEW.asset ->> 'available')::bigint END AS available,
        CASE NEW.asset WHEN 'XP' THEN w.xp_held WHEN 'COIN' THEN w.coins_held WHEN 'TOKEN' THEN w.tokens_held
            ELSE (w.money -> NEW.asset ->> 'held')::bigint END AS held,
        coalesce(p.available_after, 0) AS available_before,
        coalesce(p.held_after, 0) AS held_before,
        NEW.seq = 1 OR EXISTS (SELECT FROM incentives_transfer t WHERE t.wallet_id = NEW.wallet_id AND t.seq = NEW.seq - 1) AS follows,
        NOT EXISTS (
            SELECT FROM incentives_transfer t WHERE t.wallet_id = NEW.wallet_id AND t.asset = NEW.asset AND t.seq > NEW.seq
        ) AS is_newest
    INTO found
    FROM incentives_wallet w
    LEFT JOIN LATERAL (
        SELECT t.available_after, t.held_after FROM incentives_transfer t
        WHERE t.wallet_id = NEW.wallet_id AND t.asset = NEW.asset AND t.seq < NEW.seq ORDER BY t.seq DESC LIMIT 1
    ) p ON true
    WHERE w.id = NEW.wallet_id;
    IF found.app_id IS DISTINCT FROM NEW.app_id OR found.seq < NEW.seq OR NOT found.follows THEN
        PERFORM ledger_refuse('ledger_seq', format('transfer %s does not follow in wallet %s', NEW.id, NEW.wallet_id));
    END IF;
    IF NEW.available_after <> found.available_before + NEW.amount * ((NEW.target = 'AVAILABLE')::int - (NEW.source = 'AVAILABLE')::int)
        OR NEW.held_after <> found.held_before + NEW.amount * ((NEW.target = 'HELD')::int - (NEW.source = 'HELD')::int)
    THEN
        PERFORM ledger_refuse('ledger_running_balance', format('transfer %s does not continue the balance before it', NEW.id));
    END IF;
    IF found.is_newest AND (found.available, found.held) IS DISTINCT FROM (NEW.available_after, NEW.held_after) THEN
        PERFORM ledger_refuse('ledger_wallet_balance', format('wallet %s is not what its transfers leave in %s', NEW.wallet_id, NEW.asset));
    END IF;
    IF NEW.hold_id IS NOT NULL THEN
        PERFORM ledger_prove_hold(NEW.hold_id);
    ELSIF NEW.target = 'HELD' AND NOT EXISTS (SELECT FROM incentives_hold h WHERE h.id = NEW.id) THEN
        PERFORM ledger_refuse('ledger_hold_opened', format('transfer %s opened no hold', NEW.id));
    END IF;
    IF NEW.expires_at IS NOT NULL AND NOT EXISTS (SELECT FROM incentives_lot l WHERE l.transfer_id = NEW.id) THEN
        PERFORM ledger_refuse('ledger_lot_opened', format('transfer %s opened no lot', NEW.id));
    END IF;
    IF NEW.reverses_id IS NOT NULL THEN
        SELECT * INTO before FROM incentives_transfer WHERE id = NEW.reverses_id;
        IF (before.wallet_id, before.asset) IS DISTINCT FROM (NEW.wallet_id, NEW.asset)
            OR before.kind NOT IN ('EARN', 'POST', 'SETTLE_IN') AND NEW.kind = 'REVERSE'
            OR before.kind NOT IN ('SPEND', 'CAPTURE') AND NEW.kind = 'REFUND'
            OR before.kind <> 'SETTLE_OUT' AND NEW.kind = 'SETTLE_IN'
            OR before.amount < (SELECT sum(amount) FROM incentives_transfer WHERE reverses_id = NEW.reverses_id)
        THEN
            PERFORM ledger_refuse('ledger_taken_back', format('transfer %s takes back more than %s moved', NEW.id, NEW.reverses_id));
        END IF;
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION ledger_prove_wallet() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    w incentives_wallet;
    old_seq bigint := 0;
    moved text[] := '{}';
    part text;
BEGIN
    SELECT * INTO w FROM incentives_wallet WHERE id = NEW.id;
    IF TG_OP = 'UPDATE' THEN
        old_seq := OLD.seq;
        IF (w.xp, w.xp_held) <> (OLD.xp, OLD.xp_held) THEN moved := moved || 'XP'::text; END IF;
        IF (w.coins, w.coins_held) <> (OLD.coins, OLD.coins_held) THEN moved := moved || 'COIN'::text; END IF;
        IF (w.tokens, w.tokens_held) <> (OLD.tokens, OLD.tokens_held) THEN moved := moved || 'TOKEN'::text; END IF;
        IF w.money <> OLD.money THEN
            moved := moved || ARRAY(
                SELECT key FROM jsonb_each(w.money) a FULL JOIN jsonb_each(OLD.money) b USING (key) WHERE a.value IS DISTINCT FROM b.value
            );
        END IF;
        IF w.xp_dated <> OLD.xp_dated THEN PERFORM ledger_prove_lots(w.id, 'XP'); END IF;
        IF w.coins_dated <> OLD.coins_dated THEN PERFORM ledger_prove_lots(w.id, 'COIN'); END IF;
        IF w.tokens_dated <> OLD.tokens_dated THEN PERFORM ledger_prove_lots(w.id, 'TOKEN'); END IF;
    ELSIF NEW.seq <> 0 OR (NEW.xp, NEW.coins, NEW.tokens, NEW.xp_held, NEW.coins_held, NEW.tokens_held) <> (0, 0, 0, 0, 0, 0)
        OR (NEW.xp_dated, NEW.coins_dated, NEW.tokens_dated) <> (0, 0, 0) OR NEW.money <> '{}'
    THEN
        PERFORM ledger_refuse('ledger_wallet_balance', format('wallet %s is not born empty', NEW.id));
    END IF;
    IF w.seq < old_seq OR w.seq > old_seq AND NOT EXISTS (SELECT FROM incentives_transfer t WHERE t.wallet_id = w.id AND t.seq = w.seq) THEN
        PERFORM ledger_refuse('ledger_seq', format('wallet %s counts transfers that are not there', w.id));
    END IF;
    -- a newer transfer of the asset has proved itself equal to the wallet
    FOREACH part IN ARRAY moved LOOP
        IF NOT EXISTS (SELECT FROM incentives_transfer t WHERE t.wallet_id = w.id AND t.asset = part AND t.seq > old_seq) THEN
            PERFORM ledger_refuse('ledger_wallet_balance', format('wallet %s: the %s balance changed without a transfer', w.id, part));
        END IF;
    END LOOP;
    RETURN NULL;
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

CREATE CONSTRAINT TRIGGER prove AFTER INSERT ON incentives_transfer DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ledger_prove_transfer();
CREATE CONSTRAINT TRIGGER prove_new AFTER INSERT ON incentives_wallet DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ledger_prove_wallet();
CREATE CONSTRAINT TRIGGER prove AFTER UPDATE ON incentives_wallet DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION ledger_prove_wallet();
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

-- Django gives each text key a second index for LIKE; under collation "C" the first one serves it.
DO $$
DECLARE
    twin text;
BEGIN
    FOR twin IN
        SELECT format('%I.%I', schemaname, indexname) FROM pg_indexes WHERE tablename IN ('incentives_wallet', 'incentives_transfer',
            'incentives_hold', 'incentives_lot', 'incentives_lotuse') AND indexname LIKE '%\_like' AND schemaname = current_schema()
    LOOP
        EXECUTE 'DROP INDEX ' || twin;
    END LOOP;
END $$;
