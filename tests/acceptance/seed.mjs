// The four programs of the published documentation, as a client runs them against an installation. Node 18, no packages.
//
//   INCENTA_URL=http://127.0.0.1:8000 INCENTA_KEY=inc_live_… node tests/acceptance/seed.mjs [--campaign camp_…] [--listing lst_…]
//
// It prints a line a check and exits 1 where any fails; nothing that is refused or lost is sent again. The functions under "seed" are
// the document's own, the host apart. It hears webhooks at 127.0.0.1, so the server must be let call this machine.
import crypto from 'node:crypto'
import http from 'node:http'
import { parseArgs } from 'node:util'

const { values: arg } = parseArgs({ options: {
  base: { type: 'string', default: process.env.INCENTA_URL ?? 'http://127.0.0.1:8000' },
  key: { type: 'string', default: process.env.INCENTA_KEY },
  campaign: { type: 'string' },
  listing: { type: 'string' },
  only: { type: 'string', default: 'ecommerce,webhook,gamified,marketplace,fraud' },
  patience: { type: 'string', default: '20' }, // seconds until a webhook must be here
} })
process.env.INCENTA_API_KEY = arg.key
const API = `${arg.base}/v1`
const run = crypto.randomBytes(4).toString('hex') // a fresh cast of users on every run
let failures = 0
const check = (ok, what, seen) => {
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${what}${ok ? '' : ` - saw ${JSON.stringify(seen)}`}`)
  if (!ok) failures += 1
}
const api = async (method, path, body, headers = {}) => {
  const res = await fetch(`${API}${path}`, {
    method,
    headers: { 'x-api-key': arg.key, 'Content-Type': 'application/json', ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
  })
  const text = await res.text()
  let json = null
  try { json = JSON.parse(text) } catch { /* left null: the checks below show it */ }
  return { status: res.status, json, text, headers: res.headers }
}
const until = async (probe, seconds = Number(arg.patience)) => {
  const end = Date.now() + seconds * 1000
  for (;;) {
    const value = await probe()
    if (value || Date.now() > end) return value
    await new Promise((r) => setTimeout(r, 100))
  }
}

// --- seed: e-commerce -------------------------------------------------------------------------------------------
async function createReferral(customerId, campaignId) {
  const res = await fetch(`${API}/referrals`, { method: 'POST', headers: { 'x-api-key': process.env.INCENTA_API_KEY, 'Content-Type': 'application/json', }, body: JSON.stringify({ campaignId, referrerId: customerId, }), })
  const data = await res.json()
  return data.referralCode
}
async function trackPurchase(referralCode, newUserId, orderTotal) {
  const res = await fetch(`${API}/conversions`, { method: 'POST', headers: { 'x-api-key': process.env.INCENTA_API_KEY, 'Content-Type': 'application/json', }, body: JSON.stringify({ referralCode, refereeId: newUserId, amount: orderTotal, metadata: { source: 'ecommerce_checkout' }, }), })
  return res.json()
}
const sent = [] // what the merchant's own mailer would have been asked to send
const sendRewardEmail = async (userId, amount) => sent.push({ mail: 'reward', userId, amount })
const notifyUserOfDiscount = async (userId, discountCode) => sent.push({ mail: 'discount', userId, discountCode })
async function handleWebhook(req) {
  const event = req.body
  if (event.event === 'REWARD_CREATED') { const { referralId, userId, amount } = event.data; await sendRewardEmail(userId, amount, referralId) }
  if (event.event === 'REWARD_CLAIMED') { const { discountCode, userId } = event.data; await notifyUserOfDiscount(userId, discountCode) }
  return { status: 200 }
}
// --- seed: onboarding -------------------------------------------------------------------------------------------
async function trackUserAction(userId, actionKey) {
  return fetch(`${API}/incentives/events`, { method: 'POST', headers: { 'x-api-key': process.env.INCENTA_API_KEY, 'Content-Type': 'application/json', }, body: JSON.stringify({ userId, actionKey, idempotencyKey: `${userId}_${actionKey}`, }), })
}
// --- seed: fraud ------------------------------------------------------------------------------------------------
const alerts = []
const alertTeam = async (message) => alerts.push(message)
async function checkReferralHealth(campaignId) {
  const res = await fetch(`${API}/stats?campaignId=${campaignId}`, { headers: { 'x-api-key': process.env.INCENTA_API_KEY } })
  const stats = await res.json()
  if (stats.conversionRate > 80) { await alertTeam(`High conversion rate (${stats.conversionRate}%) on campaign ${campaignId}`) }
  return stats
}
// the documented verifier, which re-serialises the parsed body
function verifyWebhook(payload, signature, secret) {
  const expected = crypto.createHmac('sha256', secret).update(JSON.stringify(payload)).digest('hex')
  return crypto.timingSafeEqual(Buffer.from(signature), Buffer.from(expected))
}

// --- the merchant's webhook receiver ----------------------------------------------------------------------------
const received = []
let secret = null
const receiver = http.createServer((req, res) => {
  const chunks = []
  req.on('data', (c) => chunks.push(c))
  req.on('end', async () => {
    const raw = Buffer.concat(chunks)
    const body = JSON.parse(raw)
    let documented = false
    try { documented = verifyWebhook(body, req.headers['x-webhook-signature'] ?? '', secret) } catch { documented = false }
    const id = req.headers['webhook-id']
    const at = req.headers['webhook-timestamp']
    const standard = secret?.startsWith('whsec_') && (req.headers['webhook-signature'] ?? '').split(' ').includes(
      `v1,${crypto.createHmac('sha256', Buffer.from(secret.slice(6), 'base64')).update(`${id}.${at}.`).update(raw).digest('base64')}`)
    received.push({ body, documented, standard: Boolean(standard), id })
    const { status } = await handleWebhook({ body })
    res.writeHead(status).end()
  })
})
await new Promise((r) => receiver.listen(0, '127.0.0.1', r))
const hook = await api('POST', '/webhooks', { url: `http://127.0.0.1:${receiver.address().port}/hooks`, events: ['*'] })
secret = hook.json?.secret
check(hook.status === 201 && typeof secret === 'string', 'a webhook endpoint is registered and its secret shown', hook)
const event = (name, test) => until(() => received.find((r) => r.body.event === name && test(r.body.data)))
const wants = (name) => arg.only.split(',').includes(name)

let campaign = arg.campaign
if (!campaign) {
  const made = await api('POST', '/campaigns', { name: `Seed ${run}`, status: 'ACTIVE', referralType: 'ONE_SIDED', rewardModel: 'PERCENTAGE', rewardValue: 10, currency: 'USD', fulfillmentType: 'DISCOUNT_CODE', discount: { type: 'PERCENTAGE', value: 20 } })
  check(made.status === 201 && made.json?.id, 'a campaign is created over the API', made)
  campaign = made.json?.id
}

if (wants('ecommerce')) {
  const code = await createReferral(`customer_${run}`, campaign)
  check(typeof code === 'string' && code.length >= 4, 'createReferral gives a code', code)
  check((await createReferral(`customer_${run}`, campaign)) === code, 'asking again gives the same code', code)
  await api('POST', '/clicks', { referralCode: code, refereeId: `friend_${run}` })
  const bought = await trackPurchase(code, `friend_${run}`, 49.99)
  check(bought.success === true && bought.rewardCreated === true && bought.referrerId === `customer_${run}`, 'trackPurchase converts and rewards the referrer', bought)
  check(Number.isFinite(bought.rewardAmount) && Math.round(bought.rewardAmount * 100) === Number((bought.rewardAmount * 100).toFixed(6)), 'the reward is a whole number of cents', bought.rewardAmount)
  const again = await trackPurchase(code, `friend_${run}`, 49.99)
  check(again.error && again.code === 'already_converted', 'the same friend does not convert twice', again)
  const made = await event('REWARD_CREATED', (d) => d.userId === `customer_${run}`)
  check(made && made.body.data.referralId && made.body.data.amount === bought.rewardAmount, 'REWARD_CREATED carries referralId, userId, amount', made)
  check(await until(() => sent.some((m) => m.mail === 'reward' && m.userId === `customer_${run}`)), 'the seed handler mails the reward', sent)
  const rewards = await api('GET', `/users/customer_${run}/rewards`)
  const reward = rewards.json?.rewards?.[0]
  check(reward?.status === 'PENDING', 'the reward is listed as PENDING', rewards)
  const claims = await Promise.all(Array.from({ length: 20 }, () => api('POST', `/rewards/${reward?.id}/claim`, {})))
  const codes = new Set(claims.filter((c) => c.status === 200).map((c) => c.json.discountCode))
  check(codes.size === 1, 'twenty claims at once give one and the same discount code', [...codes])
  const claimed = await event('REWARD_CLAIMED', (d) => d.userId === `customer_${run}`)
  check(claimed && codes.has(claimed.body.data.discountCode), 'REWARD_CLAIMED carries discountCode, userId', claimed)
  check(received.filter((r) => r.body.event === 'REWARD_CLAIMED' && r.body.data.userId === `customer_${run}`).length === 1, 'it is sent once', received.length)
}

if (wants('webhook')) {
  await until(() => received.length > 2)
  check(received.length > 0 && received.every((r) => r.documented), 'every delivery verifies with the documented verifier', received.filter((r) => !r.documented))
  check(received.length > 0 && received.every((r) => r.standard), 'every delivery verifies as a Standard Webhook', received.filter((r) => !r.standard).length)
}

if (wants('gamified')) {
  const keys = ['signed_up', 'complete_profile', 'first_project_created'].map((k) => `${k}_${run}`)
  const first = await api('POST', '/incentives/actions', { key: keys[1], name: 'Complete Profile', type: 'STANDARD', xp: 100, coins: 50, maxRepeats: 1 })
  check(first.status === 201, 'the seed action is created', first)
  await api('POST', '/incentives/actions', { key: keys[0], name: 'Signed Up', type: 'STANDARD', xp: 10, coins: 5, maxRepeats: 1 })
  await api('POST', '/incentives/actions', { key: keys[2], name: 'First Project', type: 'STANDARD', xp: 200, coins: 100, maxRepeats: 1 })
  for (const k of keys) check((await trackUserAction(`user_${run}`, k)).status === 201, `trackUserAction ${k}`, k)
  const repeats = await Promise.all(keys.flatMap((k) => Array.from({ length: 10 }, () => trackUserAction(`user_${run}`, k))))
  check(repeats.every((r) => r.status === 200), 'thirty repeats at once are all replays', repeats.map((r) => r.status))
  const balance = await api('GET', `/incentives/balances/user_${run}`)
  check(balance.json?.xp === 310 && balance.json?.coins === 155, 'the balance is 310 XP and 155 coins', balance)
  const board = await api('GET', '/incentives/leaderboard')
  check(Array.isArray(board.json) && board.json.every((r, i) => r.rank >= 1 && r.userId && Number.isInteger(r.xp) && Number.isInteger(r.coins) && (i === 0 || board.json[i - 1].xp >= r.xp)), 'the leaderboard is a bare array in order of XP', board)
  const mine = await api('GET', `/incentives/leaderboard/user_${run}`)
  check(mine.json?.xp === 310 && mine.json?.rank >= 1, 'the new user is ranked at once', mine)
  check(await event('INCENTIVE_EVENT_RECORDED', (d) => d.userId === `user_${run}`), 'INCENTIVE_EVENT_RECORDED arrives', null)
}

if (wants('marketplace')) {
  const buyer = `buyer_${run}`
  await api('POST', '/incentives/actions', { key: `gift_${run}`, name: 'Gift', type: 'STANDARD', coins: 100000 })
  await api('POST', '/incentives/events', { userId: buyer, actionKey: `gift_${run}`, idempotencyKey: `${buyer}_gift` })
  const poor = await api('GET', `/incentives/marketplace/verify/poor_${run}`)
  check(poor.status === 200 && Array.isArray(poor.json?.listings) && poor.json.listings.every((l) => l.coinCost === 0), 'a user without coins can afford nothing', poor)
  const verify = await api('GET', `/incentives/marketplace/verify/${buyer}`)
  check(verify.status === 200 && verify.json?.listings?.length > 0, 'verify lists what the user can afford', verify)
  const listingId = arg.listing ?? verify.json?.listings?.[0]?.listingId
  const redeemed = await api('POST', '/incentives/marketplace/redeem', { listingId, userId: buyer })
  check(redeemed.status === 201 && typeof redeemed.json?.discountCode === 'string', 'redeem gives a discount code', redeemed)
  const more = await api('POST', '/incentives/marketplace/redeem', { listingId, userId: buyer })
  check(more.status !== 201 || more.json.discountCode !== redeemed.json?.discountCode, 'a second redemption has another code', more)
  const refused = await api('POST', '/incentives/marketplace/redeem', { listingId, userId: `poor_${run}` })
  check(refused.status === 409 && refused.json?.code === 'insufficient_balance', 'a user without coins is refused clearly', refused)
  check(await event('MARKETPLACE_REDEMPTION_CREATED', (d) => d.redemptionId === redeemed.json?.redemptionId), 'MARKETPLACE_REDEMPTION_CREATED arrives', null)
}

if (wants('fraud')) {
  const stats = await checkReferralHealth(campaign)
  check(['totalReferrals', 'totalClicks', 'totalConversions', 'conversionRate', 'totalRewardValue'].every((k) => Number.isFinite(stats[k])), 'stats has the five figures', stats)
  const self = await api('POST', '/referrals', { campaignId: campaign, referrerId: `cheat_${run}`, refereeId: `cheat_${run}` })
  check(self.json?.riskScore > 0 && self.json?.warning && Array.isArray(self.json?.reasons), 'a self-referral answers with riskScore, warning, reasons', self)
  const told = await event('REFERRAL_CREATED', (d) => d.referrerId === `cheat_${run}`)
  check(told && told.body.data.riskScore > 0 && told.body.data.warning, 'REFERRAL_CREATED includes riskScore and warning when flagged', told)
  const flags = await api('GET', '/fraud/flags?status=OPEN')
  check(flags.json?.flags?.length > 0, 'the flag is open for review', flags)
}

if (hook.json?.id) await api('DELETE', `/webhooks/${hook.json.id}`)
receiver.close()
console.log(failures ? `${failures} failed` : 'all passed')
process.exit(failures ? 1 : 0)
