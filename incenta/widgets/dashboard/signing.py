"""How the merchant's server signs a user token, in four languages. ``docs/widgets.md`` shows the same, and tests run it."""

_PYTHON = """\
import base64, hashlib, hmac, json, os, time

APP_ID = "{app}"


def user_token(user_id: str, secret: str = "", app_id: str = APP_ID) -> str:
    def part(data: bytes) -> bytes:
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    claims = {{"aud": app_id, "sub": user_id, "exp": int(time.time()) + 900}}
    text = part(b'{{"alg":"HS256","typ":"JWT"}}') + b"." + part(json.dumps(claims).encode())
    key = secret or os.environ["INCENTA_SIGNING_SECRET"]
    return (text + b"." + part(hmac.digest(key.encode(), text, hashlib.sha256))).decode()"""

_NODE = """\
const crypto = require('crypto')

const APP_ID = '{app}'

function userToken(userId, secret = process.env.INCENTA_SIGNING_SECRET, appId = APP_ID) {{
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = {{ aud: appId, sub: userId, exp: Math.floor(Date.now() / 1000) + 900 }}
  const text = `${{part({{ alg: 'HS256', typ: 'JWT' }})}}.${{part(claims)}}`
  return `${{text}}.${{crypto.createHmac('sha256', secret).update(text).digest('base64url')}}`
}}"""

_PHP = """\
<?php
const APP_ID = "{app}";

function user_token(string $userId, ?string $secret = null, string $appId = APP_ID): string {{
    $secret = $secret ?? getenv("INCENTA_SIGNING_SECRET");
    $part = fn (string $data) => rtrim(strtr(base64_encode($data), "+/", "-_"), "=");
    $claims = json_encode(["aud" => $appId, "sub" => $userId, "exp" => time() + 900]);
    $text = $part('{{"alg":"HS256","typ":"JWT"}}') . "." . $part($claims);
    return $text . "." . $part(hash_hmac("sha256", $text, $secret, true));
}}"""

_GO = """\
package incenta

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"
)

const AppID = "{app}"

func UserToken(userID, secret, appID string) (string, error) {{
	part := base64.RawURLEncoding.EncodeToString
	claims, err := json.Marshal(map[string]any{{"aud": appID, "sub": userID, "exp": time.Now().Unix() + 900}})
	if err != nil {{
		return "", err
	}}
	text := part([]byte(`{{"alg":"HS256","typ":"JWT"}}`)) + "." + part(claims)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return text + "." + part(mac.Sum(nil)), nil
}}"""

LANGUAGES = (("python", "Python", _PYTHON), ("node", "Node", _NODE), ("php", "PHP", _PHP), ("go", "Go", _GO))


def helpers(app_id: str) -> list[dict]:
    """``[{"key", "label", "text"}]``: a function that signs a token for a user of this app."""
    return [{"key": key, "label": label, "text": text.format(app=app_id)} for key, label, text in LANGUAGES]
