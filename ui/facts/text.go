package facts

import (
	"fmt"
	"time"
)

// Age writes a duration as kubectl's AGE column does: short, and rougher the
// longer it is.
func Age(d time.Duration) string {
	s := int(d.Seconds())
	switch {
	case s < 0:
		return "0s"
	case s < 120:
		return fmt.Sprintf("%ds", s)
	case s < 600:
		return pair(s/60, "m", s%60, "s")
	case s < 3*3600:
		return fmt.Sprintf("%dm", s/60)
	case s < 8*3600:
		return pair(s/3600, "h", s%3600/60, "m")
	case s < 48*3600:
		return fmt.Sprintf("%dh", s/3600)
	case s < 8*24*3600:
		return pair(s/86400, "d", s%86400/3600, "h")
	}
	return fmt.Sprintf("%dd", s/86400)
}

func pair(a int, au string, b int, bu string) string {
	if b == 0 {
		return fmt.Sprintf("%d%s", a, au)
	}
	return fmt.Sprintf("%d%s%d%s", a, au, b, bu)
}

// Took writes how long something short lasted: "0.42s", "12.3s", "1m5s".
func Took(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.2fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return Age(d)
}

// Cores writes thousandths of a core: "250m", "1.5".
func Cores(milli int64) string {
	if milli < 1000 {
		if milli == 0 {
			return "0"
		}
		return fmt.Sprintf("%dm", milli)
	}
	if milli%1000 == 0 {
		return fmt.Sprint(milli / 1000)
	}
	return fmt.Sprintf("%.1f", float64(milli)/1000)
}

// Bytes writes a size in powers of 1024: "70Mi", "1.9Gi".
func Bytes(n int64) string {
	const ki = 1024
	switch {
	case n >= ki*ki*ki:
		return trim(float64(n)/(ki*ki*ki)) + "Gi"
	case n >= ki*ki:
		return fmt.Sprintf("%dMi", n/(ki*ki))
	case n >= ki:
		return fmt.Sprintf("%dKi", n/ki)
	}
	return fmt.Sprint(n)
}

func trim(f float64) string {
	s := fmt.Sprintf("%.1f", f)
	if len(s) > 2 && s[len(s)-2:] == ".0" {
		return s[:len(s)-2]
	}
	return s
}
