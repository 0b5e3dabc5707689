import assert from "node:assert/strict";
import { differenceIn, parseListing } from "../../../provider/agent/lease/listing";

const M1 = "02:00:00:00:00:01";
const M2 = "02:00:00:00:00:02";
const config = { protected: [M2, M1], here: [M1], probe: [] };

const listing = (
  o: { prot?: string; gin?: string; ta?: string; rule?: string } = {},
) => `table netdev ha_gate {
	set prot {
		type ether_addr
		elements = { ${
      o.prot ??
      `${M1},
			     ${M2}`
    } }
	}

	set here {
		type ether_addr
		elements = { ${M1} }
	}

	set probe {
		type ether_addr
	}

	set ta {
		type ether_addr
		flags timeout${o.ta ?? ""}
	}

	map gin {
		type ether_addr : verdict${o.gin ? `\n\t\telements = { ${o.gin} }` : ""}
	}

	chain ina {
		${o.rule ?? "ether daddr @ta accept"}
		drop
	}
}
`;
const rules = parseListing(listing()).rules;
const differs = (text: string) => differenceIn(parseListing(text), rules, config);

describe("the look at the gate", () => {
  it("finds nothing where only timers and open MACs changed", () => {
    const changed = listing({
      ta: `\n\t\telements = { ${M1} timeout 500ms expires 320ms, ${M2} timeout 500ms expires 4ms }`,
      gin: `${M1} : jump inb`,
      prot: `${M2}, ${M1}`,
    });
    assert.equal(differs(changed), null);
  });

  it("finds a changed rule", () => {
    assert.equal(differs(listing({ rule: "accept" })), "its chains or rules were changed");
  });

  it("finds MACs that are not protected any more", () => {
    assert.equal(differs(listing({ prot: M1 })), "its set prot was changed");
  });

  it("finds an entry that opens a MAC without a timer", () => {
    assert.equal(differs(listing({ gin: `${M1} : accept` })), `its map gin has the entry "${M1} : accept"`);
  });

  it("finds another table than the one that was made", () => {
    assert.equal(differs("table netdev ha_gate {\n}\n"), "its chains or rules were changed");
  });
});
