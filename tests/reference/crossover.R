# Writes crossover.json beside this script: two periods by period differences of the two sequences
# (Welch, and one spread for both), three periods by least squares with an effect of each patient.
# The trial of formoterol and salbutamol in 13 children (PEF in l/min) is printed in Senn (2002),
# Cross-over Trials in Clinical Research, chapter 3, doi 10.1002/0470854596. Run: Rscript crossover.R
suppressMessages({library(jsonlite); library(clubSandwich)})

two <- function(patient, sequence, first, second) {
  d <- (first - second) / 2
  test <- function(equal) {
    w <- t.test(d[sequence == "treated first"], d[sequence != "treated first"], var.equal = equal)
    list(estimate = -diff(w$estimate)[[1]], std_error = w$stderr, df = w$parameter[[1]],
         p_value = w$p.value, ci_low = w$conf.int[1], ci_high = w$conf.int[2])
  }
  list(patient = patient, sequence = sequence, first = first, second = second,
       welch = test(FALSE), pooled = test(TRUE))
}
senn <- two(c(1, 4, 6, 7, 10, 11, 14, 2, 3, 5, 9, 12, 13),
            rep(c("treated first", "reference first"), c(7, 6)),
            c(310, 310, 370, 410, 250, 380, 330, 370, 310, 380, 290, 260, 90),
            c(270, 260, 300, 390, 210, 350, 365, 385, 400, 410, 320, 340, 220))
set.seed(31)
n <- c(16, 8)
own <- rnorm(24, 25, 10); gain <- rep(c(6, -6), n)
uneven <- two(1:24, rep(c("treated first", "reference first"), n),
              round(own + gain + rnorm(24, 0, rep(c(2, 5), n)), 1), round(own + 10 + rnorm(24, 0, 3), 1))

# three periods: ABB, BAA, ABA and one that stopped after two
orders <- list(c(1, 0, 0), c(0, 1, 1), c(1, 0, 1))
rows <- do.call(rbind, lapply(1:21, function(i) data.frame(
  patient = i, period = 1:3, treated = orders[[(i - 1) %% 3 + 1]])))
rows <- rows[!(rows$patient %in% c(4, 11) & rows$period == 3), ]
rows$y <- round(rnorm(21, 30, 12)[rows$patient] + 5 * rows$treated + c(0, 4, 9)[rows$period] + rnorm(nrow(rows), 0, 6), 1)
fit <- lm(y ~ treated + factor(period) + factor(patient), rows)
cr2 <- coef_test(fit, vcov = "CR2", cluster = rows$patient, test = "Satterthwaite", coefs = "treated")
ci <- conf_int(fit, vcov = "CR2", cluster = rows$patient, test = "Satterthwaite", coefs = "treated")
three <- c(as.list(rows), list(estimate = cr2$beta, std_error = cr2$SE, df = cr2$df_Satt,
           p_value = cr2$p_Satt, ci_low = ci$CI_L, ci_high = ci$CI_U))

# jsonlite stops at 15 digits; numbers pass as marked text to keep 17.
exact <- function(x) rapply(x, function(v) {
  d <- dim(v); v <- sprintf("@%.17g", v); if (!is.null(d)) dim(v) <- d; v
}, classes = c("numeric", "integer", "matrix"), how = "replace")
json <- toJSON(exact(list(
  generator = "tests/reference/crossover.R", r = R.version.string,
  clubSandwich = as.character(packageVersion("clubSandwich")),
  calls = "t.test(d1, d2, var.equal = ), coef_test(lm(y ~ treated + period + patient), CR2)",
  senn = senn, uneven = uneven, three = three)), auto_unbox = TRUE)
write(gsub('"@([^"]*)"', "\\1", json), "crossover.json")
