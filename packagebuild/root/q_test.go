package root
import ("testing";"time";"os";"slipway.dev/slipway/packagebuild"; "github.com/sirupsen/logrus";"encoding/json")
func TestQ(t *testing.T){
 l := logrus.New(); l.SetOutput(os.Stdout)
 m := &Manager{Log: logrus.NewEntry(l)}
 var n Needs
 json.Unmarshal([]byte(os.Getenv("Q_NEEDS")), &n)
 suite := os.Getenv("Q_SUITE")
 for range 2 {
 t0:=time.Now()
 r, err := m.Root(t.Context(), packagebuild.Target{Name:"x-"+suite, Format:"deb", Arch:"amd64", Root: packagebuild.Root{Suite: suite}}, n)
 if err != nil { t.Fatal(err) }
 t.Log(time.Since(t0), len(r.Packages), r.Layers, r.Packages[0])
 }
}
