// Runs in the hidden frame in which the page renews its token: gives the issuer's answer,
// which is in the address, to the page around it, in the form that oidc-client-ts reads.

const { origin, href } = location;
parent.postMessage({ source: "oidc-client", url: href, keepOpen: false }, origin);
