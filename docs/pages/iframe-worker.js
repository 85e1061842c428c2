// A page opened from disk may not start a worker, in which the search runs: a hidden frame does instead.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(address) {
      super()
      this.frame = document.createElement("iframe")
      this.frame.hidden = true
      this.ready = new Promise(done => {
        this.frame.onload = () => {
          this.frame.onload = null
          const inner = this.frame.contentWindow
          inner.postMessage = data => {
            const event = new MessageEvent("message", { data })
            this.dispatchEvent(event)
            if (this.onmessage) this.onmessage(event)
          }
          const script = inner.document.createElement("script")
          script.onload = () => done(inner)
          script.src = address
          inner.document.body.append(script)
        }
        document.body.append(this.frame)
      })
    }
    postMessage(data) {
      this.ready.then(inner => inner.dispatchEvent(new inner.MessageEvent("message", { data })))
    }
    terminate() {
      this.frame.remove()
    }
  }
}
