# Writes effect_sizes.json beside this script: effect sizes by metafor. Run: Rscript effect_sizes.R
suppressMessages({library(metafor); library(jsonlite)})

cases <- list()
add <- function(func, inputs, options, call, yi, vi = NULL) {
  cases[[length(cases) + 1]] <<- list(func = func, inputs = inputs, options = options, call = call,
                                      effect = as.numeric(yi), variance = as.numeric(vi))
}

m1 <- c(12, 62.5, 3.1, 40); s1 <- c(3, 18.2, 0.9, 11); n1 <- c(20, 8, 31, 3)
m0 <- c(10, 50.1, 3.4, 22); s0 <- c(4, 21.0, 0.8, 9);  n0 <- c(24, 9, 28, 3); r <- c(0.5, 0.3, -0.2, 0.9)

e <- escalc("SMCR", m1i = m1, m2i = m0, sd1i = s0, ni = n1, ri = r)
add("standardised_mean_change", list(m1, m0, s0, n1, r), list(standardiser = "raw"),
    "escalc('SMCR', m1i=after, m2i=before, sd1i=sd_before, ni=n, ri=r)", e$yi, e$vi)
e <- escalc("SMCC", m1i = m1, m2i = m0, sd1i = s1, sd2i = s0, ni = n1, ri = r)
add("standardised_mean_change", list(m1, m0, s0, n1, r),
    list(standardiser = "change", sd_after = s1),
    "escalc('SMCC', m1i=after, m2i=before, sd1i=sd_after, sd2i=sd_before, ni=n, ri=r)", e$yi, e$vi)
e <- escalc("SMD", m1i = m1, sd1i = s1, n1i = n1, m2i = m0, sd2i = s0, n2i = n0, vtype = "LS")
add("hedges_g", list(m1, s1, n1, m0, s0, n0), list(), "escalc('SMD', vtype='LS')", e$yi, e$vi)
e <- escalc("MD", m1i = m1, sd1i = s1, n1i = n1, m2i = m0, sd2i = s0, n2i = n0)
add("mean_difference", list(m1, s1, n1, m0, s0, n0), list(), "escalc('MD')", e$yi, e$vi)
e <- escalc("MC", m1i = m1, m2i = m0, sd1i = s1, sd2i = s0, ni = n1, ri = r)
add("mean_difference", list(m1, s1, n1, m0, s0, n1), list(r = r), "escalc('MC')", e$yi, e$vi)
e <- escalc("MN", mi = m1, sdi = s1, ni = n1)
add("single_mean", list(m1, s1, n1), list(), "escalc('MN')", e$yi, e$vi)
e <- escalc("ROMC", m1i = m1, m2i = m0, sd1i = s1, sd2i = s0, ni = n1, ri = r)
ratio <- exp(as.numeric(e$yi))
add("mean_percent_change", list(m1, s1, m0, s0, n1, r), list(),
    "escalc('ROMC'); effect 100*(exp(yi)-1), variance (100*exp(yi))^2*vi", 100 * (ratio - 1), (100 * ratio)^2 * e$vi)

e1 <- c(12, 0, 25, 3, 8); t1 <- c(20, 15, 25, 40, 30); e0 <- c(6, 4, 11, 0, 9); t0 <- c(20, 16, 30, 38, 30)
for (measure in c("OR", "RD")) {
  func <- c(OR = "log_odds_ratio", RD = "risk_difference_effect")[[measure]]
  e <- escalc(measure, ai = e1, n1i = t1, ci = e0, n2i = t0)
  add(func, list(e1, t1, e0, t0), list(), sprintf("escalc('%s', add=1/2, to='only0')", measure), e$yi, e$vi)
  w <- c(1, 5)
  e <- escalc(measure, ai = e1[w], n1i = t1[w], ci = e0[w], n2i = t0[w], to = "none")
  add(func, list(e1[w], t1[w], e0[w], t0[w]), list(correction = 0), sprintf("escalc('%s', to='none')", measure), e$yi, e$vi)
  w <- 2:4
  e <- escalc(measure, ai = e1[w], n1i = t1[w], ci = e0[w], n2i = t0[w], add = 0.25)
  add(func, list(e1[w], t1[w], e0[w], t0[w]), list(correction = 0.25), sprintf("escalc('%s', add=1/4)", measure), e$yi, e$vi)
}
# Pairs: a full table gives the correlation phi; metafor sees the table, the package the margins and phi.
a <- c(10, 4, 20); b <- c(5, 9, 2); c_ <- c(3, 2, 6); d <- c(12, 15, 9); n <- a + b + c_ + d
phi <- (a * d - b * c_) / sqrt((a + b) * (c_ + d) * (a + c_) * (b + d))
e <- escalc("MPOR", ai = a, bi = b, ci = c_, di = d)
add("log_odds_ratio", list(a + b, n, a + c_, n), list(r = phi), "escalc('MPOR', ai, bi, ci, di)", e$yi, e$vi)
e <- escalc("MPRD", ai = a, bi = b, ci = c_, di = d)
add("risk_difference_effect", list(a + b, n, a + c_, n), list(r = phi), "escalc('MPRD', ai, bi, ci, di)", e$yi, e$vi)
e <- escalc("MPORM", ai = a + b, bi = c_ + d, ci = a + c_, di = b + d, ri = c(0.4, 0, -0.2))
add("log_odds_ratio", list(a + b, n, a + c_, n), list(r = c(0.4, 0, -0.2)), "escalc('MPORM', ri=r)", e$yi, e$vi)

x <- c(3, 0, 17, 40, 1); size <- c(40, 25, 33, 40, 8)
e <- escalc("PFT", xi = x, ni = size)
add("arcsine_proportion", list(x, size), list(double = TRUE), "escalc('PFT')", e$yi, e$vi)
f <- escalc("PAS", xi = x, ni = size)
add("arcsine_proportion", list(x, size), list(double = FALSE), "escalc('PAS', to='none')", f$yi, f$vi)

# Paired g has no measure in metafor 3.8. First witness: the delta method with numerical derivatives
# of g by the two variances, whose covariances are those of a bivariate normal sample.
paired <- function(m1, s1, m0, s0, n, r) {
  df <- 2 * (n - 1) / (1 + r^2)
  j <- exp(lgamma(df / 2) - lgamma((df - 1) / 2)) / sqrt(df / 2)
  s <- sqrt((s1^2 + s0^2) / 2)
  g <- j * (m1 - m0) / s
  by <- function(v1, v0) g * s / sqrt((v1 + v0) / 2)
  h <- 1e-4
  slope <- c((by(s1^2 * (1 + h), s0^2) - by(s1^2 * (1 - h), s0^2)) / (2 * h * s1^2),
             (by(s1^2, s0^2 * (1 + h)) - by(s1^2, s0^2 * (1 - h))) / (2 * h * s0^2))
  cov <- 2 * matrix(c(s1^4, (r * s1 * s0)^2, (r * s1 * s0)^2, s0^4), 2) / (n - 1)
  contrast <- c(1, -1) %*% matrix(c(s1^2, r * s1 * s0, r * s1 * s0, s0^2), 2) %*% c(1, -1)
  c(g, contrast / ((n - 1) * s^2) + slope %*% cov %*% slope)
}
p <- mapply(paired, m1, s1, m0, s0, n1, r)
add("hedges_g_paired", list(m1, s1, m0, s0, n1, r), list(),
    "numerical delta method, base R", p[1, ], p[2, ])

# Second witness: 400,000 simulated split-body trials with standardised difference 0.6.
set.seed(5)
simulate <- function(n, r, reps = 400000) {
  one <- matrix(rnorm(n * reps), n); two <- r * one + sqrt(1 - r^2) * matrix(rnorm(n * reps), n)
  one <- one + 0.6
  v1 <- colMeans(one^2) - colMeans(one)^2; v0 <- colMeans(two^2) - colMeans(two)^2
  d <- (colMeans(one) - colMeans(two)) / sqrt((v1 + v0) / 2 * n / (n - 1))
  list(n = n, r = r, true = 0.6, mean_d = mean(d), sd_d = sd(d), reps = reps)
}
simulated <- list(simulate(10, 0.5), simulate(20, 0.7), simulate(40, 0.2))

# jsonlite stops at 15 digits; numbers pass as marked text to keep 17.
exact <- function(x) rapply(x, function(v) sprintf("@%.17g", v), classes = c("numeric", "integer"), how = "replace")
json <- toJSON(exact(list(
  generator = "tests/reference/effect_sizes.R", r = R.version.string,
  packages = list(metafor = as.character(packageVersion("metafor"))), cases = cases, simulated = simulated)),
  auto_unbox = TRUE)
write(gsub('"@([^"]*)"', "\\1", json), "effect_sizes.json")
