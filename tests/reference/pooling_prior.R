# Writes pooling_prior.json beside this script: random effects with a half-normal prior on tau.
# Run: Rscript pooling_prior.R, with Stan once more: Rscript pooling_prior.R stan (minutes).
suppressMessages({library(metafor); library(jsonlite)})

# Acute rejection after liver transplantation in children: events and patients of six studies, Crins et al.
# (2014), Pediatric Transplantation 18:839-850, the example of bayesmeta; log odds ratios by metafor.
crins <- escalc(measure = "OR", ai = c(14, 16, 3, 9, 4, 0), n1i = c(61, 28, 18, 54, 36, 50),
                ci = c(15, 19, 8, 29, 11, 3), n2i = c(20, 28, 12, 54, 36, 34))
studies <- list(
  crins = list(yi = as.numeric(crins$yi), vi = as.numeric(crins$vi), scale = 0.5),
  randomised = list(yi = as.numeric(crins$yi)[c(1, 5)], vi = as.numeric(crins$vi)[c(1, 5)], scale = 0.5),
  randomised_wide = list(yi = as.numeric(crins$yi)[c(1, 5)], vi = as.numeric(crins$vi)[c(1, 5)], scale = 1),
  # Coaching in eight schools, Rubin (1981), Journal of Educational Statistics 6:377-401.
  schools = list(yi = c(28.39, 7.94, -2.75, 6.82, -0.64, 0.63, 18.01, 12.16),
                 vi = c(14.9, 10.2, 16.3, 11.0, 9.4, 11.4, 10.4, 17.6)^2, scale = 25),
  two = list(yi = c(0.35, 1.10), vi = c(0.05, 0.08), scale = 0.5),
  three_alike = list(yi = c(0.42, 0.45, 0.40), vi = c(0.04, 0.09, 0.02), scale = 0.25),
  unequal = list(yi = c(1, 2, 3, 4), vi = c(1e-4, 1e-2, 1, 4), scale = 5),
  apart = list(yi = c(0, 50), vi = c(1, 1), scale = 0.5)
)
LEVELS <- c(0.025, 0.5, 0.975)

# Every probability is its own integral over tau, by R's integrate between the cuts.
posterior <- function(s) {
  given <- function(tau) {
    w <- 1 / (s$vi + tau^2)
    c(mean = sum(w * s$yi) / sum(w), var = 1 / sum(w))
  }
  height <- function(tau) {
    g <- given(tau)
    sum(dnorm(s$yi, g[["mean"]], sqrt(s$vi + tau^2), log = TRUE)) + 0.5 * log(g[["var"]]) - tau^2 / (2 * s$scale^2)
  }
  grid <- seq(0, 40 * s$scale, length.out = 4001)
  heights <- sapply(grid, height)
  top <- max(heights)
  end <- max(grid[heights > top - 50]) + 0.01 * s$scale
  cuts <- sort(unique(c(seq(0, end, length.out = 25), pmin(end, sqrt(min(s$vi)) * 2^(-3:8)))))
  over <- function(f, a = 0, b = end) {
    at <- c(a, cuts[cuts > a & cuts < b], b)
    sum(sapply(seq_len(length(at) - 1), function(i) integrate(
      Vectorize(function(t) exp(height(t) - top) * f(t)), at[i], at[i + 1], rel.tol = 1e-12, abs.tol = 0)$value))
  }
  total <- over(function(t) 1)
  list(given = given, mean_of = function(f) over(f) / total,
       tau = sapply(LEVELS, function(p) uniroot(function(t) over(function(x) 1, 0, t) / total - p, c(1e-9, end), tol = 1e-11)$root))
}

quantiles <- function(p, centre, variance) {
  below <- function(q) p$mean_of(function(t) pnorm(q, centre(t), sqrt(variance(t))))
  at <- centre(0.5); reach <- 30 * sqrt(variance(2) + 1)
  sapply(LEVELS, function(level) uniroot(function(q) below(q) - level, at + c(-1, 1) * reach, extendInt = "upX", tol = 1e-11)$root)
}

expected <- function(s) {
  p <- posterior(s)
  mu <- function(t) p$given(t)[["mean"]]
  var <- function(t) p$given(t)[["var"]]
  main <- quantiles(p, mu, var)
  new <- quantiles(p, mu, function(t) var(t) + t^2)
  own <- sapply(seq_along(s$yi), function(i) {
    b <- function(t) t^2 / (t^2 + s$vi[i])
    quantiles(p, function(t) mu(t) + b(t) * (s$yi[i] - mu(t)), function(t) b(t) * s$vi[i] + (1 - b(t))^2 * var(t))
  })
  centre <- p$mean_of(mu)
  list(estimate = main[2], ci_low = main[1], ci_high = main[3],
       std_error = sqrt(p$mean_of(function(t) var(t) + (mu(t) - centre)^2)),
       prediction_low = new[1], prediction_high = new[3],
       tau = p$tau[2], tau_ci_low = p$tau[1], tau_ci_high = p$tau[3],
       shrunken = own[2, ], shrunken_low = own[1, ], shrunken_high = own[3, ])
}

cases <- lapply(names(studies), function(name) {
  s <- studies[[name]]
  e <- expected(s)
  half <- s$yi[1] / 2
  p <- posterior(s)
  list(data = name, effects = s$yi, variances = s$vi, tau_prior = s$scale, margin = half,
       call = "integrate over tau, uniroot", expected = e,
       chance_above = p$mean_of(function(t) pnorm(half, p$given(t)[["mean"]], sqrt(p$given(t)[["var"]]), lower.tail = FALSE)))
})

# Draws of the full model; quantiles with their Monte-Carlo error (batch means over the chains).
stan_draws <- function() {
  suppressMessages(library(rstan))
  # Debian keeps the headers of Boost outside the R package.
  model <- stan_model("pooling_prior.stan", boost_lib = "/usr/include")
  lapply(c("crins", "randomised", "schools"), function(name) {
    s <- studies[[name]]
    fit <- sampling(model, list(k = length(s$yi), y = s$yi, s = sqrt(s$vi), scale = s$scale), chains = 20, cores = 1,
                    iter = 12000, warmup = 2000, seed = 7, refresh = 0, control = list(adapt_delta = 0.99))
    draws <- rstan::extract(fit, permuted = FALSE)
    said <- function(name, level) {
      each <- apply(draws[, , name], 2, quantile, probs = level)
      list(value = mean(each), error = sd(each) / sqrt(length(each)))
    }
    of <- function(par, low, mid, high) setNames(lapply(LEVELS, function(p) said(par, p)), c(low, mid, high))
    list(data = name, expected = c(of("mu", "ci_low", "estimate", "ci_high"), of("tau", "tau_ci_low", "tau", "tau_ci_high"),
                                   of("fresh", "prediction_low", "prediction", "prediction_high")[c(1, 3)],
                                   list(shrunken_first = said("theta[1]", 0.5))))
  })
}
old <- if (file.exists("pooling_prior.json")) fromJSON("pooling_prior.json", simplifyVector = FALSE) else list()
stan <- old$stan; rstan <- old$packages$rstan
if ("stan" %in% commandArgs(TRUE)) { stan <- stan_draws(); rstan <- as.character(packageVersion("rstan")) }

# jsonlite stops at 15 digits; numbers pass as marked text to keep 17.
exact <- function(x) rapply(x, function(v) sprintf("@%.17g", v), classes = c("numeric", "integer"), how = "replace")
json <- toJSON(exact(list(
  generator = "tests/reference/pooling_prior.R", r = R.version.string,
  packages = list(metafor = as.character(packageVersion("metafor")), rstan = rstan), cases = cases, stan = stan)),
  auto_unbox = TRUE)
write(gsub('"@([^"]*)"', "\\1", json), "pooling_prior.json")
