// A programme through the generated types, as a merchant's backend would write it. It compiles, or the description is wrong.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

const run = Date.now().toString(36); // so that it runs again against the same product
const asha = `asha ${run}`;
declare const process: { env: Record<string, string> };

const client = createClient<paths>({
  baseUrl: process.env["INCENTA_URL"]!,
  headers: { "x-api-key": process.env["INCENTA_KEY"]! },
});

function same<T>(found: T, wanted: T, what: string): void {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) {
    throw new Error(`${what}: ${JSON.stringify(found)}, and not ${JSON.stringify(wanted)}`);
  }
}

function good<T>(answer: { data?: T; error?: components["schemas"]["Error"] }): T {
  if (answer.data === undefined) throw new Error(JSON.stringify(answer.error));
  return answer.data;
}

const campaign = good(
  await client.POST("/v1/campaigns", {
    body: { name: "Friends", status: "ACTIVE", rewardModel: "PERCENTAGE", rewardValue: 10, currency: "USD" },
  }),
);
const budget: number | null = campaign.budget;
same(budget, null, "no budget");

const made = good(
  await client.POST("/v1/referrals", { body: { campaignId: campaign.id, referrerId: asha } }),
);
const clicked = good(await client.POST("/v1/clicks", { body: { referralCode: made.referralCode } }));
same(clicked.referralCode, made.referralCode, "the click");

const order = { referralCode: made.referralCode, refereeId: `bikram ${run}`, amount: 49.99, externalId: `${run}-1` };
const once = { params: { header: { "Idempotency-Key": `${run}-1` } } };
const converted = good(await client.POST("/v1/conversions", { ...once, body: order }));
same(converted.rewardAmount, 5, "ten per cent of 49.99, rounded half up");
const again = good(await client.POST("/v1/conversions", { ...once, body: order }));
same(again.conversionId, converted.conversionId, "the same key");
const refused = await client.POST("/v1/conversions", { body: { ...order, externalId: `${run}-2` } });
same(refused.error?.code, "already_converted", "the same friend");

if (converted.rewardId === null) throw new Error("No reward.");
const path = { params: { path: { rewardId: converted.rewardId } } };
const reward = good(await client.GET("/v1/rewards/{rewardId}", path));
same([reward.amount, reward.status], [5, "PENDING"], "the reward");
good(await client.POST("/v1/rewards/{rewardId}/approve", { ...path, body: {} }));

const shown = good(
  await client.POST("/v1/campaigns/{campaignId}/simulate", {
    params: { path: { campaignId: campaign.id } },
    body: { rules: { rewardValue: 20 } },
  }),
);
same(shown.draft.costs[0]?.amount, 10, "twice as much");

good(
  await client.POST("/v1/incentives/actions", {
    body: { key: `signed_up_${run}`, name: "Signed up", type: "STANDARD", xp: 5, coins: 20 },
  }),
);
const event = { userId: asha, actionKey: `signed_up_${run}`, idempotencyKey: `${run}-1` };
same(good(await client.POST("/v1/incentives/events", { body: event })).awarded.coins, 20, "the event");
same(good(await client.POST("/v1/incentives/events", { body: event })).idempotentReplay, true, "the event again");
const item = good(
  await client.POST("/v1/incentives/catalog", { body: { name: "Mug", coinCost: 15, published: true } }),
);
const redeem = { body: { userId: asha, itemId: item.id } };
same(good(await client.POST("/v1/incentives/redeem", redeem)).balances.coins, 5, "the redemption");
const poor = await client.POST("/v1/incentives/redeem", redeem);
same(poor.error?.code, "insufficient_balance", "no coins left");

let cursor: string | null | undefined = "";
let count = 0;
while (cursor !== null && cursor !== undefined) {
  const page: components["schemas"]["Pagination"] = good(
    await client.GET("/v1/campaigns", { params: { query: { limit: 1, cursor } } }),
  ).pagination;
  count += 1;
  cursor = page.nextCursor;
}
if (count < 2) throw new Error("The list of campaigns was not walked to its end.");
console.log("done");
