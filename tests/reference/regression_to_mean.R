# Writes regression_to_mean.json beside this script. Run: Rscript regression_to_mean.R
library(jsonlite)

cases <- list()
add <- function(kind, options, call, expected)
  cases[[length(cases) + 1]] <<- list(kind = kind, options = options, call = call, expected = expected)

# By integration over the first measurement, without the formula for a truncated normal.
populations <- list(list(mean = 50, sd = 10), list(mean = 0, sd = 1), list(mean = 3.2, sd = 0.8))
for (p in populations) for (z in c(-2, 0, 1, 3.5)) for (selected in c("above", "below")) for (reliability in c(0, 0.55, 0.9)) {
  cut_off <- p$mean + z * p$sd
  ends <- if (selected == "above") c(z, 40) else c(-40, z)
  moment <- function(power) integrate(function(u) u^power * dnorm(u), max(ends[1], -12), min(ends[2], 12), rel.tol = 1e-13)$value
  share <- moment(0); first <- p$mean + p$sd * moment(1) / share
  second <- p$mean + reliability * (first - p$mean)
  add("integral", c(p, list(cut_off = cut_off, selected = selected, reliability = reliability)), "integrate() of u dnorm(u) beyond the cut-off",
      list(expected_change = second - first, first_mean = first, second_mean = second, share_selected = share))
}

# Two measurements simulated: truth plus noise, twice. Nothing of the formula is used.
for (seed in 1:4) {
  set.seed(seed); n <- 4e6
  mean <- c(50, 50, 0, 3)[seed]; sd <- c(10, 10, 1, 0.8)[seed]; reliability <- c(0.7, 0.4, 0.6, 0.85)[seed]
  selected <- c("above", "below", "above", "below")[seed]; cut_off <- mean + c(1, -0.5, 0, 1)[seed] * sd
  truth <- rnorm(n, mean, sd * sqrt(reliability)); noise <- sd * sqrt(1 - reliability)
  first <- truth + rnorm(n, 0, noise); second <- truth + rnorm(n, 0, noise)
  chosen <- if (selected == "above") first > cut_off else first < cut_off
  change <- (second - first)[chosen]
  add("simulation", list(mean = mean, sd = sd, cut_off = cut_off, selected = selected, reliability = reliability),
      sprintf("set.seed(%d); 4e6 patients measured twice", seed),
      list(expected_change = mean(change), monte_carlo_error = sd(change) / sqrt(length(change))))
}

# jsonlite stops at 15 digits; numbers pass as marked text to keep 17.
exact <- function(x) rapply(x, function(v) sprintf("@%.17g", v), classes = c("numeric", "integer"), how = "replace")
json <- toJSON(exact(list(generator = "tests/reference/regression_to_mean.R", r = R.version.string, cases = cases)), auto_unbox = TRUE)
write(gsub('"@([^"]*)"', "\\1", json), "regression_to_mean.json")
