# Writes two_arms.json beside this script: a measure of one's own between two arms (analysis of
# covariance, CR2 with a patient a cluster) and clinics that were allocated (CR2 by clinic). Run: Rscript two_arms.R
suppressMessages({library(clubSandwich); library(jsonlite)})

set.seed(83)
n <- 24
own <- data.frame(treated = rep(0:1, n / 2), before = round(runif(n, 40, 60)))
own$after <- round(own$before - 9 - 8 * own$treated - 0.1 * (own$before - 50) + rnorm(n, 0, 3), 1)
own$cluster <- seq_len(n)
own$change <- own$before - own$after

clinic <- rep(1:12, times = rep(c(4, 6, 5), 4))
clinics <- data.frame(cluster = clinic, treated = as.numeric(clinic > 6))
clinics$change <- round(12 + 10 * clinics$treated + rnorm(12, 0, 5)[clinic] + rnorm(length(clinic), 0, 4), 1)

found <- function(data, formula) {
  fit <- lm(formula, data)
  v <- vcovCR(fit, cluster = data$cluster, type = "CR2")
  r <- conf_int(fit, vcov = v, level = 0.95, test = "Satterthwaite", coefs = "treated")
  list(estimate = r$beta, std_error = r$SE, df = r$df, ci_low = r$CI_L, ci_high = r$CI_U)
}

# jsonlite stops at 15 digits; numbers pass as marked text to keep 17.
exact <- function(x) rapply(x, function(v) sprintf("@%.17g", v), classes = c("numeric", "integer"), how = "replace")
json <- toJSON(exact(list(
  generator = "tests/reference/two_arms.R", r = R.version.string,
  packages = list(clubSandwich = as.character(packageVersion("clubSandwich"))),
  calls = "conf_int(lm, vcov = vcovCR(lm, cluster, type = 'CR2'), test = 'Satterthwaite')",
  own_measure = list(sheet = as.list(own), expected = found(own, change ~ treated + before)),
  clinics = list(sheet = as.list(clinics), expected = found(clinics, change ~ treated)))), auto_unbox = TRUE)
write(gsub('"@([^"]*)"', "\\1", json), "two_arms.json")
