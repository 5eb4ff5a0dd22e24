# Writes pooled_rates.json beside this script: beta-binomial rates. Run: Rscript pooled_rates.R
suppressMessages({library(VGAM); library(jsonlite)})

studies <- list(
  pigment = list(events = c(0, 0, 2, 5, 0, 0, 0, 0, 7, 1, 0), n = c(39, 25, 30, 36, 32, 15, 31, 60, 32, 39, 24)),
  four = list(events = c(3, 0, 1, 0), n = c(40, 25, 60, 18)),
  frequent = list(events = c(37, 25, 36, 18, 11), n = c(40, 40, 60, 30, 12)),
  large = list(events = c(500, 480, 570, 430), n = c(1000, 1000, 1000, 1000)),
  torn = list(events = c(10, 0, 9), n = c(10, 10, 10)),
  alike = list(events = c(4, 4, 5), n = c(40, 40, 50)),
  none = list(events = c(0, 0), n = c(40, 25)),
  all = list(events = c(40, 25, 12), n = c(40, 25, 12))
)
MOST <- 1 / 3
TIGHT <- 1e-13

# Likelihood by VGAM's density; profiles of it by optimize, limits by uniroot.
loglik <- function(s, mu, rho) {
  if (mu <= 0) return(if (all(s$events == 0)) 0 else -Inf)
  if (mu >= 1) return(if (all(s$events == s$n)) 0 else -Inf)
  if (rho < 1e-6) return(sum(dbinom(s$events, s$n, mu, log = TRUE)))
  sum(dbetabinom(s$events, s$n, prob = mu, rho = rho, log = TRUE))
}
# VGAM's density is good to about 1e-9 at rho = 1e-6: a top inside has to be higher than that.
best <- function(f, cuts) {
  found <- list(x = cuts[1], f = f(cuts[1]))
  for (x in cuts) if (f(x) > found$f) found <- list(x = x, f = f(x))
  for (i in seq_len(length(cuts) - 1)) {
    o <- optimize(f, cuts[i + 0:1], maximum = TRUE, tol = TIGHT)
    if (o$objective > found$f + 1e-8) found <- list(x = o$maximum, f = o$objective)
  }
  found
}
of_mu <- function(s, mu) best(function(rho) loglik(s, mu, rho), MOST * c(0, .02, .1, .3, .6, 1))
of_rho <- function(s, rho) best(function(mu) loglik(s, mu, rho), c(0, .05, .2, .5, .8, .95, 1))
root <- function(f, a, b) uniroot(f, c(a, b), tol = TIGHT)$root

limits <- function(s, level) {
  rho <- best(function(r) of_rho(s, r)$f, MOST * c(0, .02, .1, .3, .6, 1))
  mu <- of_rho(s, rho$x)$x
  floor <- rho$f - qchisq(level, 1) / 2
  short_mu <- function(x) of_mu(s, x)$f - floor
  short_rho <- function(x) of_rho(s, x)$f - floor
  list(estimate = mu, rho = rho$x,
       ci_low = if (mu <= 0) 0 else root(short_mu, mu * 1e-4, mu),
       ci_high = if (mu >= 1) 1 else root(short_mu, mu, 1 - (1 - mu) * 1e-4),
       rho_ci_low = if (short_rho(0) >= 0) 0 else root(short_rho, 0, rho$x),
       rho_ci_high = if (short_rho(MOST) >= 0) MOST else root(short_rho, rho$x, MOST))
}

# VGAM's own fit, where its maximum lies inside 0 < rho < 1/3.
fitted <- function(s) {
  fit <- suppressWarnings(vglm(cbind(events, n - events) ~ 1, betabinomial(lmu = "logitlink", lrho = "logitlink"),
                               data = as.data.frame(s), epsilon = 1e-14, maxit = 500))
  list(estimate = Coef(fit)[["mu"]], rho = Coef(fit)[["rho"]])
}

cases <- list()
for (name in names(studies)) for (level in c(0.95, 0.9)) {
  s <- studies[[name]]
  found <- limits(s, level)
  if (name %in% c("none", "all")) found <- c(found, as.list(setNames(
    binom.test(sum(s$events), sum(s$n), conf.level = level)$conf.int, c("exact_low", "exact_high"))))
  case <- list(data = name, events = s$events, n = s$n, confidence_level = level,
               call = "dbetabinom, optimize, uniroot", expected = found)
  if (found$rho > 1e-6 && found$rho < MOST - 1e-6) case$vglm <- fitted(s)
  cases[[length(cases) + 1]] <- case
}

# jsonlite stops at 15 digits; numbers pass as marked text to keep 17.
exact <- function(x) rapply(x, function(v) sprintf("@%.17g", v), classes = c("numeric", "integer"), how = "replace")
json <- toJSON(exact(list(
  generator = "tests/reference/pooled_rates.R", r = R.version.string,
  packages = list(VGAM = as.character(packageVersion("VGAM"))), cases = cases)),
  auto_unbox = TRUE)
write(gsub('"@([^"]*)"', "\\1", json), "pooled_rates.json")
