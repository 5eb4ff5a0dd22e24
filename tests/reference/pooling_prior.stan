data {
  int<lower=2> k;
  vector[k] y;
  vector<lower=0>[k] s;
  real<lower=0> scale;
}
parameters {
  real mu;
  real<lower=0> tau;
  vector[k] z;
}
transformed parameters {
  vector[k] theta = mu + tau * z;
}
model {
  tau ~ normal(0, scale);
  z ~ normal(0, 1);
  y ~ normal(theta, s);
}
generated quantities {
  real fresh = normal_rng(mu, tau);
}
